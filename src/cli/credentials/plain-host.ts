const PLAIN = /^[^/?#@\\%\s\p{Cc}]+$/u

/**
 * Whether a text is a host, with its port if any, that every program reads as the same host. A URL parser also finds a host in
 * other texts, of which a tool may take another part.
 * @example isPlainHost('id.example.com/.evil.example.com') // false
 */
export const isPlainHost = (text: string): boolean => PLAIN.test(text)
