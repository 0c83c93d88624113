import { newSecret } from '../security/secrets.ts'

/** Whether a text can be a refresh token, also with an earlier prefix. Other texts need no look-up. */
export function isRefreshText(tokenPrefix: string, text: string): boolean {
  const prefix = text.slice(0, -RANDOM_CHARACTERS)
  const isPrefix = prefix === refreshPrefix(tokenPrefix) || /^[\w-]*r_$/.test(prefix)
  return isPrefix && /^[\w-]+$/.test(text.slice(prefix.length)) && text.length > RANDOM_CHARACTERS
}

/** Generates a refresh token: a prefix that secret scanners recognize (`postr_` for `post_`) and 256 random bits. */
export const newRefreshText = (tokenPrefix: string) => refreshPrefix(tokenPrefix) + newSecret()

/** The length of 256 bits in base64url. */
const RANDOM_CHARACTERS = 43
const refreshPrefix = (tokenPrefix: string) => tokenPrefix.replace(/_$/, 'r_')
