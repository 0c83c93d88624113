import { ambiguousToken, unauthenticated } from './errors.ts'
import { raise } from './postern-error.ts'

/** The parts of a request that may carry a token; every framework's fits. */
export interface Carrier {
  headers: { authorization?: string | undefined; 'content-type'?: string | undefined }
  query?: unknown
  body?: unknown
}

/** Its case does not matter (RFC 9110 §11.1). */
const SCHEME = /^bearer /i
const IN_HEADER = 'Send the token in the Authorization header: elsewhere it ends up in logs.'

/**
 * The token's text from the Authorization header (RFC 6750 §2.1), the only place it is taken from.
 * @throws 401 when there is none, 400 when it came in a second way too
 */
export function bearerText({ headers, query, body }: Carrier): string {
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
