import type { Client } from '../clients/client.entity.ts'
import { PosternError } from '../errors/errors.ts'
import { printable } from '../errors/protocol.ts'

/** The verified redirect URI of an authorization response. */
export interface RedirectTarget {
  client: Client
  redirectUri: string
  /** As the client sent it. */
  state: string | undefined
}

/**
 * Maximum characters of a redirect URI and a state. Every response must fit into the 4 kB that a proxy reads of response
 * headers (nginx: `proxy_buffer_size`), with an error description of at most 200 characters and 700 bytes of other headers.
 */
export const MAX_REDIRECT_LENGTH = 2_500
const MAX_DESCRIPTION_LENGTH = 200

/** @returns how many characters of the `Location` come from the client; compare with {@link MAX_REDIRECT_LENGTH} */
export const redirectLength = ({ redirectUri, state = '' }: Omit<RedirectTarget, 'client'>): number =>
  redirectUri.length + new URLSearchParams({ state }).toString().length

/** An error that is sent to the client by a redirect (RFC 6749 §4.1.2.1). Other errors are shown to the user. */
export class AuthorizationErrorResponse extends PosternError {
  readonly to: RedirectTarget

  constructor(to: RedirectTarget, { status, code, message, cause }: PosternError) {
    super({ status, code, detail: message, cause })
    this.to = to
  }
}

/**
 * The `Location` of an authorization response (RFC 6749 §4.1.2): the redirect URI exactly as the client sent it, followed by
 * the parameters, the state and the issuer (RFC 9207 §2).
 */
export function successLocation(issuer: string, to: RedirectTarget, parameters: Record<string, string>): string {
  const { redirectUri, state } = to
  const query = new URLSearchParams({ ...parameters, ...(state !== undefined && { state }), iss: issuer })
  return `${redirectUri}${redirectUri.includes('?') ? '&' : '?'}${query}`
}

export function errorLocation(issuer: string, { to, code, message }: AuthorizationErrorResponse): string {
  return successLocation(issuer, to, {
    error: code,
    error_description: printable(message).slice(0, MAX_DESCRIPTION_LENGTH),
  })
}
