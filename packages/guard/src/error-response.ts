import { internalError, PosternError, toProblem } from './postern-error.ts'

/** What is answered in place of the route, in the words of no framework. */
export interface ErrorResponse {
  status: number
  headers: Record<string, string>
  /** Problem details (RFC 9457), as JSON. */
  body: string
}

/**
 * The answer to an error: the challenge of RFC 6750 §3 in the headers, problem details as the body. Of an error that
 * was not foreseen nothing goes out.
 * @param metadataUrl where the resource's metadata stands, if anywhere
 */
export function toErrorResponse(error: unknown, metadataUrl: string | undefined): ErrorResponse {
  const mapped = withMetadataChallenge(error instanceof PosternError ? error : internalError(error), metadataUrl)
  return {
    status: mapped.status,
    headers: { 'content-type': 'application/problem+json', 'cache-control': 'no-store', ...mapped.headers },
    body: JSON.stringify(toProblem(mapped)),
  }
}

/** The error with the URL of the metadata in its challenge (RFC 9728 §5.1), where there is one. */
export function withMetadataChallenge(error: PosternError, url: string | undefined): PosternError {
  const challenge = error.headers['www-authenticate']
  if (error.status !== 401 || url === undefined || !challenge?.startsWith('Bearer')) return error
  const { status, code, message: detail, headers, extra, cause } = error
  const withMetadata = { ...headers, 'www-authenticate': `${challenge}, resource_metadata="${url}"` }
  return new PosternError({ status, code, detail, headers: withMetadata, extra, cause })
}
