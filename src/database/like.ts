/** The LIKE pattern for values that contain a text, whose wildcards are escaped. */
export const likePattern = (text: string): string => `%${text.replaceAll(/[\\%_]/g, '\\$&')}%`
