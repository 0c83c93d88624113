import { internalError, PosternError, toProblem } from './postern-error.ts'

/** An error response, independent of the framework. */
export interface ErrorResponse {
  status: number
  headers: Record<string, string>
  /** Problem details (RFC 9457), as JSON. */
  body: string
}

/**
 * Renders an error: the challenge of RFC 6750 §3 in the headers, problem details as the body. An unexpected error becomes a
 * 500 that reveals nothing about it.
 * @param metadataUrl the URL of the protected resource metadata, if there is one
 */
export function toErrorResponse(error: unknown, metadataUrl: string | undefined): ErrorResponse {
  const mapped = withMetadataChallenge(error instanceof PosternError ? error : internalError(error), metadataUrl)
  return {
    status: mapped.status,
    headers: { 'content-type': 'application/problem+json', 'cache-control': 'no-store', ...mapped.headers },
    body: JSON.stringify(toProblem(mapped)),
  }
}

/** Adds the URL of the metadata to the Bearer challenge of a 401 (RFC 9728 §5.1). Returns other errors unchanged. */
export function withMetadataChallenge(error: PosternError, url: string | undefined): PosternError {
  const challenge = error.headers['www-authenticate']
  if (error.status !== 401 || url === undefined || !challenge?.startsWith('Bearer')) return error
  const { status, code, message: detail, headers, extra, cause } = error
  const withMetadata = { ...headers, 'www-authenticate': `${challenge}, resource_metadata="${url}"` }
  return new PosternError({ status, code, detail, headers: withMetadata, extra, cause })
}
