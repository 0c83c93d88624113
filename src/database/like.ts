/** A pattern of LIKE for whatever contains a text; its wildcards stand for themselves. */
export const likePattern = (text: string): string => `%${text.replaceAll(/[\\%_]/g, '\\$&')}%`
