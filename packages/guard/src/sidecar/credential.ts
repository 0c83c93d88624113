import { bearerText } from '../bearer.ts'
import { unauthenticated } from '../errors.ts'
import { raise } from '../postern-error.ts'

/**
 * Whether the token is also accepted as the password of HTTP Basic. `only`: the 401 names Basic alone, for clients such as
 * Docker that take every Bearer challenge for their own protocol. A Bearer token is accepted with each value.
 */
export const BASIC = ['off', 'on', 'only'] as const
export type Basic = (typeof BASIC)[number]

/** The challenge of RFC 7617 §2. */
export const BASIC_CHALLENGE = 'Basic realm="postern", charset="UTF-8"'

const SCHEME = /^basic +/i
/** Node ignores what follows the padding, such as a second header that was joined to the first. */
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/
const EITHER = 'Send an access token: "Authorization: Bearer <token>", or as the password of HTTP Basic.'

/**
 * Reads the token of a request: from the Bearer scheme (RFC 6750 §2.1), or the password of Basic (RFC 7617) with any user name.
 * @throws PosternError 401 when there is none
 */
export function credentialOf(authorization: string | undefined, basic: Basic): string {
  if (basic === 'off') return bearerText({ headers: { authorization } })
  if (authorization !== undefined && SCHEME.test(authorization)) {
    return passwordOf(authorization.replace(SCHEME, '')) || raise(unauthenticated(EITHER))
  }
  return authorization === undefined ? raise(unauthenticated(EITHER)) : bearerText({ headers: { authorization } })
}

/** The text after the first colon; a user name cannot contain one. */
function passwordOf(encoded: string): string {
  if (!BASE64.test(encoded)) return ''
  const text = Buffer.from(encoded, 'base64').toString()
  const colon = text.indexOf(':')
  return colon < 0 ? '' : text.slice(colon + 1).trim()
}
