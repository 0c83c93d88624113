/**
 * The id of the client that `postern login` uses. It is fixed, so that every command line knows it, and only one exists even
 * if several nodes start at once. In a file of its own, so that a credential helper starts without the database's modules.
 */
export const COMMAND_LINE_ID = '019aa8e2-4c00-7000-8000-636f6d6d616e'
