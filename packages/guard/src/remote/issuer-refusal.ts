import { PosternError } from '../postern-error.ts'

const CODE = 'issuer_refused'

/** The issuer refuses the guard in a way that waiting will not mend. @param detail what is wrong, and what to do */
export const issuerRefused = (detail: string, cause?: unknown) =>
  new PosternError({ status: 503, code: CODE, detail, cause })

export const isIssuerRefusal = (error: unknown): error is PosternError =>
  error instanceof PosternError && error.code === CODE

/** Answers of a 4xx status that a later try may not get: too early, too slow, too many (RFC 9110, RFC 8470, RFC 6585). */
const TRANSIENT_STATUSES = [408, 425, 429]

/** What a status other than 200 means for the guard: a refusal that stays, or an error that may pass. */
export function httpStatusError(url: string, status: number, clientId?: string): Error {
  if (status === 401) {
    return issuerRefused(
      `The issuer does not accept ${clientId === undefined ? 'a guard without a client' : `the client "${clientId}"`} (401). Check clientId and clientSecret of the guard, and that the client was not deleted.`,
    )
  }
  if (status === 403)
    return issuerRefused(
      `${url} answers 403. Check that the guard's client may use it, and what stands between guard and issuer.`,
    )
  if (status === 404)
    return issuerRefused(
      `${url} answers 404. Check the guard's issuer: it must be the URL that the issuer names itself by.`,
    )
  const error = `${url} answers ${status}.`
  return status >= 300 && status < 500 && !TRANSIENT_STATUSES.includes(status)
    ? issuerRefused(`${error} Check the guard's issuer and what stands between the two.`)
    : new Error(error)
}

/** Nothing was answered, or not to the end. A redirect is not followed, since whoever redirects could answer. */
export function unreachable(url: string, cause: unknown): Error {
  const { message = '', code = message } = ((cause as Error).cause ?? cause) as { message?: string; code?: string }
  if (message === 'unexpected redirect') {
    return issuerRefused(
      `${url} redirects. Check the guard's issuer: the URL it is reached by without a redirect.`,
      cause,
    )
  }
  return new Error(`${url} cannot be reached: ${code}.`, { cause })
}
