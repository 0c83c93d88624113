import { parameter } from './errors.ts'
import { internalError, PosternError, toProblem } from './postern-error.ts'

/** An error response, independent of the framework. */
export interface PlainResponse {
  status: number
  headers: Record<string, string>
  /** Problem details (RFC 9457), as JSON. */
  body: string
}

/**
 * Renders an error: the challenge of RFC 6750 §3 in the headers, problem details as the body. An unexpected error becomes a
 * 500 that reveals nothing about it.
 */
export function toErrorResponse(error: unknown, context: ChallengeContext = {}): PlainResponse {
  const mapped = completeChallenge(error instanceof PosternError ? error : internalError(error), context)
  return {
    status: mapped.status,
    headers: { 'content-type': 'application/problem+json', 'cache-control': 'no-store', ...mapped.headers },
    body: JSON.stringify(toProblem(mapped)),
  }
}

/** What a challenge says beside the error. */
export interface ChallengeContext {
  /** The URL of the protected resource metadata, if there is one. */
  metadataUrl?: string | undefined
  /** All scopes that the route requires, so that a client can request them at once. */
  scopes?: readonly string[] | undefined
}

/**
 * Completes the Bearer challenge of a 401 or 403 with the scopes of the route (RFC 6750 §3) and the URL of the metadata
 * (RFC 9728 §5.1). Returns other errors unchanged.
 */
export function completeChallenge(error: PosternError, { metadataUrl, scopes = [] }: ChallengeContext): PosternError {
  const { status, code, message: detail, headers, extra, cause } = error
  const challenge = headers['www-authenticate']
  if (![401, 403].includes(status) || !challenge?.startsWith('Bearer')) return error
  const scoped =
    scopes.length > 0 ? `${challenge.replace(SCOPE, '')}, ${parameter('scope', scopes.join(' '))}` : challenge
  const complete = metadataUrl === undefined ? scoped : `${scoped}, ${parameter('resource_metadata', metadataUrl)}`
  return new PosternError({ status, code, detail, headers: { ...headers, 'www-authenticate': complete }, extra, cause })
}

/** The parameter of one check, which that of the whole route replaces. */
const SCOPE = /, scope="[^"]*"/
