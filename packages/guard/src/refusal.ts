import { internalError, PosternError, toProblem } from './postern-error.ts'

/** What is answered in place of the route, in the words of no framework. */
export interface Refusal {
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
export function toRefusal(error: unknown, metadataUrl: string | undefined): Refusal {
  const known = pointToMetadata(error instanceof PosternError ? error : internalError(error), metadataUrl)
  return {
    status: known.status,
    headers: { 'content-type': 'application/problem+json', 'cache-control': 'no-store', ...known.headers },
    body: JSON.stringify(toProblem(known)),
  }
}

/** The error with the URL of the metadata in its challenge (RFC 9728 §5.1), where there is one. */
export function pointToMetadata(error: PosternError, url: string | undefined): PosternError {
  const challenge = error.headers['www-authenticate']
  if (error.status !== 401 || url === undefined || !challenge?.startsWith('Bearer')) return error
  const { status, code, message: detail, headers, extra, cause } = error
  const pointed = { ...headers, 'www-authenticate': `${challenge}, resource_metadata="${url}"` }
  return new PosternError({ status, code, detail, headers: pointed, extra, cause })
}
