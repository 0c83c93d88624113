import { PosternError } from '../errors.ts'
import { printable } from '../protocol-errors.ts'

/** Where an answer goes, once that has been proved. */
export interface ReturnAddress {
  redirectUri: string
  /** As the client sent it. */
  state: string | undefined
}

/** A refusal that the client is told, by way of the browser (RFC 6749 §4.1.2.1); any other is told to the person. */
export class RefusedToClient extends PosternError {
  readonly to: ReturnAddress

  constructor(to: ReturnAddress, { status, code, message, cause }: PosternError) {
    super({ status, code, detail: message, cause })
    this.to = to
  }
}

/**
 * Where the browser is sent with an answer (RFC 6749 §4.1.2): the redirect URI letter by letter as the client gave it,
 * and behind it the answer, the state, and who answers (RFC 9207 §2).
 */
export function answerLocation(issuer: string, to: ReturnAddress, answer: Record<string, string>): string {
  const { redirectUri, state } = to
  const query = new URLSearchParams({ ...answer, ...(state !== undefined && { state }), iss: issuer })
  return `${redirectUri}${redirectUri.includes('?') ? '&' : '?'}${query}`
}

export function refusalLocation(issuer: string, { to, code, message }: RefusedToClient): string {
  return answerLocation(issuer, to, { error: code, error_description: printable(message) })
}
