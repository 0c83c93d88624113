import { ambiguousToken, unauthenticated } from './errors.ts'
import { raise } from './postern-error.ts'

/** The parts of a request that may carry a token. The requests of every framework fit. */
export interface TokenCarrier {
  headers: { authorization?: string | undefined; 'content-type'?: string | undefined }
  query?: unknown
  body?: unknown
}

/** Schemes are case-insensitive (RFC 9110 §11.1). */
const SCHEME = /^bearer /i
const IN_HEADER = 'Send the token in the Authorization header: in a URL or a form it can end up in logs.'

/**
 * Reads the token from the Authorization header (RFC 6750 §2.1), the only accepted place.
 * @throws PosternError 401 when there is none, 400 when the request also has one in the query or the form (RFC 6750 §2)
 */
export function bearerText({ headers, query, body }: TokenCarrier): string {
  const text = fromHeader(headers.authorization)
  const elsewhere = has(query) || (isForm(headers['content-type']) && has(body))
  if (!elsewhere) return text ?? raise(unauthenticated())
  throw text === undefined ? unauthenticated(IN_HEADER) : ambiguousToken()
}

function fromHeader(header: string | undefined): string | undefined {
  if (!header || !SCHEME.test(header)) return undefined
  return header.slice(7).trim() || undefined
}

function has(part: unknown): boolean {
  return typeof part === 'object' && part !== null && Object.hasOwn(part, 'access_token')
}

function isForm(type: string | undefined): boolean {
  return type?.trim().toLowerCase().startsWith('application/x-www-form-urlencoded') ?? false
}
