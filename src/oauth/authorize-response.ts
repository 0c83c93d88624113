import { PosternError } from '../errors/errors.ts'
import { printable } from '../errors/protocol.ts'

/** Where an answer goes, once that has been proved. */
export interface RedirectTarget {
  redirectUri: string
  /** As the client sent it. */
  state: string | undefined
}

/**
 * Characters of a redirect URI and a state, so that every answer fits into the 4 kB that a proxy reads of a response's
 * headers (nginx: `proxy_buffer_size`): with them go a refusal of at most 200 characters, and 700 bytes of other headers.
 */
export const MAX_REDIRECT_LENGTH = 2_500
const MAX_DESCRIPTION_LENGTH = 200

/** @returns how many characters of an answer's `Location` come from the client; compare with {@link MAX_REDIRECT_LENGTH} */
export const redirectLength = ({ redirectUri, state = '' }: RedirectTarget): number =>
  redirectUri.length + new URLSearchParams({ state }).toString().length

/** A refusal that the client is told, by way of the browser (RFC 6749 §4.1.2.1); any other is told to the person. */
export class AuthorizationErrorResponse extends PosternError {
  readonly to: RedirectTarget

  constructor(to: RedirectTarget, { status, code, message, cause }: PosternError) {
    super({ status, code, detail: message, cause })
    this.to = to
  }
}

/**
 * Where the browser is sent with an answer (RFC 6749 §4.1.2): the redirect URI letter by letter as the client gave it,
 * and behind it the answer, the state, and who answers (RFC 9207 §2).
 */
export function successLocation(issuer: string, to: RedirectTarget, answer: Record<string, string>): string {
  const { redirectUri, state } = to
  const query = new URLSearchParams({ ...answer, ...(state !== undefined && { state }), iss: issuer })
  return `${redirectUri}${redirectUri.includes('?') ? '&' : '?'}${query}`
}

export function errorLocation(issuer: string, { to, code, message }: AuthorizationErrorResponse): string {
  return successLocation(issuer, to, {
    error: code,
    error_description: printable(message).slice(0, MAX_DESCRIPTION_LENGTH),
  })
}
