/**
 * The client of audit events that the directory caused. It is no row: the directory authenticates by SCIM_TOKEN. It is fixed, so
 * that all nodes use the same one.
 */
export const DIRECTORY_ID = '019acf3a-9c00-7000-8000-7363696d0000'
