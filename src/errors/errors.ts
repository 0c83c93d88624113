import type { ErrorCode } from '../../packages/guard/src/error-code.ts'
import { PosternError, raise } from '../../packages/guard/src/postern-error.ts'

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

/** The invalid fields of an error. @throws the error, if it is of another kind */
export function fieldErrorsOf(error: unknown): readonly FieldError[] {
  const errors = error instanceof PosternError ? (error.extra.errors as FieldError[] | undefined) : undefined
  if (errors) return errors
  throw error
}

/**
 * Runs all checks, so that every invalid field is reported at once.
 * @returns their results
 * @throws 422 with the errors of every check
 */
export function checkAll<T extends Readonly<Record<string, () => unknown>>>(checks: T) {
  const errors: FieldError[] = []
  const results = Object.entries(checks).map(([name, check]) => {
    try {
      return [name, check()]
    } catch (error) {
      errors.push(...fieldErrorsOf(error))
      return [name, undefined]
    }
  })
  if (errors.length > 0) throw invalid(...errors)
  return Object.fromEntries(results) as { [K in keyof T]: ReturnType<T[K]> }
}

/** Errors that are reported of one list. A form can contain thousands of items. */
export const MAX_ITEM_ERRORS = 20

/**
 * Checks the items of a list until so many are invalid.
 * @throws 422 with their errors
 */
export function checkEach<V, T>(items: readonly V[], check: (item: V, index: number) => T): T[] {
  const errors: FieldError[] = []
  const results: T[] = []
  for (const [i, item] of items.entries()) {
    try {
      results.push(check(item, i))
    } catch (error) {
      errors.push(...fieldErrorsOf(error))
    }
    if (errors.length >= MAX_ITEM_ERRORS) break
  }
  if (errors.length > 0) throw invalid(...errors)
  return results
}

/** As `checkAll`, for checks that take time. */
export async function checkAllAsync<T extends Readonly<Record<string, () => Promise<unknown>>>>(checks: T) {
  const settled = Object.entries(checks).map(async ([name, check]) => {
    try {
      const result = await check()
      return [name, () => result] as const
    } catch (error) {
      return [name, () => raise(error as Error)] as const
    }
  })
  return checkAll(Object.fromEntries(await Promise.all(settled))) as { [K in keyof T]: Awaited<ReturnType<T[K]>> }
}

export const badRequest = (detail: string) => new PosternError({ status: 400, code: 'bad_request', detail })

export const notFound = (what = 'resource') =>
  new PosternError({ status: 404, code: 'not_found', detail: `There is no such ${what}.` })

/** For `catch`: only a 404 means that there is nothing. */
export function undefinedIfNotFound(error: { status?: number }): undefined {
  if (error.status !== 404) throw error
}

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

/** A passkey is not known here, or did not show that its user is there. */
export const wrongPasskey = (cause?: unknown) =>
  new PosternError({
    status: 401,
    code: 'invalid_credentials',
    detail: 'This passkey was not accepted. Try again, or use another sign-in method.',
    headers: { 'www-authenticate': 'Bearer realm="postern"' },
    cause,
  })

/** The password is right, but the user has a second factor too. */
export const secondFactorRequired = (detail: string) =>
  new PosternError({
    status: 401,
    code: 'second_factor_required',
    detail,
    headers: { 'www-authenticate': 'Bearer realm="postern"' },
  })

/** The password is right, but the deployment requires a second factor that the user has not set up. */
export const secondFactorMissing = (detail: string) =>
  new PosternError({ status: 403, code: 'second_factor_required', detail })

/** The browser session has ended. */
export const signedOut = () =>
  new PosternError({ status: 401, code: 'signed_out', detail: 'You are signed out. Sign in again to continue.' })

/** A link of a mail was used, has expired, or never existed. */
export const linkExpired = () =>
  new PosternError({
    status: 410,
    code: 'link_expired',
    detail: 'This link is no longer valid: it has been used or has expired. Ask for a new one.',
  })

/** @param retryAfter seconds until the next attempt is accepted; sent as `Retry-After` (RFC 9110 §10.2.3) and `RateLimit` */
const tooMany = (code: ErrorCode, what: string, policy: string) => (retryAfter: number) => {
  const seconds = Math.max(1, Math.ceil(retryAfter))
  return new PosternError({
    status: 429,
    code,
    detail: `Too many ${what}. Try again in ${seconds} seconds.`,
    headers: { 'retry-after': String(seconds), ratelimit: `"${policy}";r=0;t=${seconds}` },
  })
}

export const tooManyAttempts = tooMany('too_many_attempts', 'failed attempts', 'attempts')
export const tooManyRegistrations = tooMany('too_many_requests', 'client registrations', 'registrations')
export const tooManyEmailChanges = tooMany('too_many_requests', 'e-mail address changes', 'email-changes')
export const tooManyRequests = tooMany('too_many_requests', 'requests from this address', 'requests')

export const unavailable = (cause?: unknown) =>
  new PosternError({
    status: 503,
    code: 'temporarily_unavailable',
    detail:
      'The database is unavailable or accepts no changes at the moment. Changes may not have been saved; try again.',
    headers: { 'retry-after': '2' },
    cause,
  })

/** Too much of the same expensive work waits on this node. Nothing was done. */
export const overloaded = () =>
  new PosternError({
    status: 503,
    code: 'temporarily_unavailable',
    detail: 'The server has too many requests of this kind at the moment. Nothing has changed; try again.',
    headers: { 'retry-after': '2' },
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
