import { PosternError } from '../postern-error.ts'

const CODE = 'issuer_refused'

/** The issuer permanently refuses the guard, so that retrying is useless. @param detail what is wrong, and what to do */
export const issuerRefused = (detail: string, cause?: unknown) =>
  new PosternError({ status: 503, code: CODE, detail, cause })

export const isIssuerRefusal = (error: unknown): error is PosternError =>
  error instanceof PosternError && error.code === CODE

/** 4xx statuses after which a retry can succeed: request timeout, too early, too many (RFC 9110, RFC 8470, RFC 6585). */
const TRANSIENT_STATUSES = [408, 425, 429]

/** The error for a status other than 200: a permanent refusal, or a transient error. */
export function httpStatusError(url: string, status: number, clientId?: string): Error {
  if (status === 401) {
    return issuerRefused(
      `The issuer rejected ${clientId === undefined ? 'a guard without a client' : `the client "${clientId}"`} (401). Check clientId and clientSecret of the guard, and that the client still exists.`,
    )
  }
  if (status === 403)
    return issuerRefused(
      `${url} returned 403. Check that the guard's client may use it, and any proxy between guard and issuer.`,
    )
  if (status === 404)
    return issuerRefused(
      `${url} returned 404. Check the guard's issuer: it must equal the issuer in the server's metadata.`,
    )
  const message = `${url} returned ${status}.`
  return status >= 300 && status < 500 && !TRANSIENT_STATUSES.includes(status)
    ? issuerRefused(`${message} Check the guard's issuer, and any proxy between guard and issuer.`)
    : new Error(message)
}

/** The error for a missing or incomplete response, or a redirect, which the guard does not follow. */
export function unreachable(url: string, cause: unknown): Error {
  const { message = '', code = message } = ((cause as Error).cause ?? cause) as { message?: string; code?: string }
  if (message === 'unexpected redirect') {
    return issuerRefused(`${url} redirects. Set the guard's issuer to a URL that does not redirect.`, cause)
  }
  return new Error(`${url} cannot be reached: ${code}.`, { cause })
}
