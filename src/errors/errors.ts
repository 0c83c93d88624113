import type { ErrorCode } from '../../packages/guard/src/error-code.ts'
import { PosternError } from '../../packages/guard/src/postern-error.ts'

export {
  type ErrorInit,
  internalError,
  PosternError,
  raise,
  toProblem,
} from '../../packages/guard/src/postern-error.ts'

/** A field of the input and what is wrong with it. `path` is a JSON pointer without the leading slash: `scopes/0`. */
export interface FieldError {
  path: string
  message: string
}

export const invalid = (...errors: FieldError[]) =>
  new PosternError({
    status: 422,
    code: 'validation_failed',
    detail: errors.map(e => (e.path ? `${e.path} ${e.message}` : e.message)).join('; '),
    extra: { errors },
  })

export const badRequest = (detail: string) => new PosternError({ status: 400, code: 'bad_request', detail })

export const notFound = (what = 'resource') =>
  new PosternError({ status: 404, code: 'not_found', detail: `There is no such ${what}.` })

export const conflict = (detail: string) => new PosternError({ status: 409, code: 'conflict', detail })

export const forbidden = (detail: string, extra: Record<string, unknown> = {}) =>
  new PosternError({ status: 403, code: 'forbidden', detail, extra })

/**
 * The user has reached a limit per user.
 * @param what in the plural: `apps`
 * @param remedy what the user can do, in full sentences
 */
export const quotaReached = (what: string, limit: number, remedy: string) =>
  new PosternError({
    status: 403,
    code: 'quota_reached',
    detail: `You have ${limit} ${what}, which is as many as one user may have. ${remedy}`,
    extra: { limit },
  })

/** The same error for an unknown user, a wrong password and a disabled user. */
export const wrongCredentials = () =>
  new PosternError({
    status: 401,
    code: 'invalid_credentials',
    detail: 'The e-mail address or the password is wrong.',
    headers: { 'www-authenticate': 'Bearer realm="postern"' },
  })

/** The browser session has ended. */
export const signedOut = () =>
  new PosternError({ status: 401, code: 'signed_out', detail: 'You are signed out. Sign in again to continue.' })

/** @param retryAfter seconds until the next attempt is accepted; sent as `Retry-After` (RFC 9110 §10.2.3). */
const tooMany = (code: ErrorCode, what: string) => (retryAfter: number) => {
  const seconds = Math.max(1, Math.ceil(retryAfter))
  return new PosternError({
    status: 429,
    code,
    detail: `Too many ${what}. Try again in ${seconds} seconds.`,
    headers: { 'retry-after': String(seconds) },
  })
}

export const tooManyAttempts = tooMany('too_many_attempts', 'failed attempts')
export const tooManyRequests = tooMany('too_many_requests', 'requests from this address')

export const unavailable = (cause?: unknown) =>
  new PosternError({
    status: 503,
    code: 'temporarily_unavailable',
    detail:
      'The database is unavailable or accepts no changes at the moment. Changes may not have been saved; try again.',
    headers: { 'retry-after': '2' },
    cause,
  })

/** The database responds, but this node receives no notifications from other nodes; the configuration must be fixed. */
export const misrouted = () =>
  new PosternError({
    status: 503,
    code: 'temporarily_unavailable',
    detail:
      'This node receives no notifications from other nodes. DATABASE_LISTEN_URL must name the database of DATABASE_URL, directly or through a pooler in session mode.',
  })

/** The deployment is misconfigured: the process prints this message as one line and exits. */
export class StartupError extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'StartupError'
  }
}
