import { PosternError } from '../errors/errors.ts'
import type { Log } from '../errors/log.ts'

/** A user as an application describes it. Further properties, such as those of its row, are ignored. */
export interface ApplicationUser {
  name?: string | null | undefined
  /** For display. It links the user to nobody, and need not be unique. */
  email?: string | null | undefined
  /** Whether the user may have administrative scopes. */
  admin?: boolean | null | undefined
  /** Whether every token of the user is refused. */
  disabled?: boolean | null | undefined
}

/** Who is signed in at the application. */
export interface ApplicationSession {
  id: string
  /** When the user entered the password there. Omitted: nobody knows, so sensitive changes ask for it. */
  signedInAt?: Date | undefined
}

export interface CallOptions {
  /** Aborted when the answer is not awaited any longer. */
  signal: AbortSignal
}

type Awaitable<T> = T | Promise<T>

/** The users of an application that embeds the server: the option `users` of `openPostern`. Ids are strings. */
export interface ApplicationUsers {
  /** Finds a user by the id. @returns undefined or null if there is no such user, whose tokens are refused then */
  find(id: string, options: CallOptions): Awaitable<ApplicationUser | null | undefined>
  /** Checks a password, for the sign-in page and `POST /api/tokens`. @returns the id of the user; undefined: wrong */
  signIn?(email: string, password: string, options: CallOptions): Awaitable<string | null | undefined>
  /**
   * Who is signed in at the application, by its own cookie. Such people use the pages without a second sign-in.
   * @param request that of the framework in which the server is mounted
   */
  // biome-ignore lint/suspicious/noExplicitAny: the request of any framework
  session?(request: any, options: CallOptions): Awaitable<string | ApplicationSession | null | undefined>
}

/** Milliseconds within which an application must answer. */
export const APPLICATION_TIMEOUT_MS = 5_000
/** Calls of one function that an application answers at the same time. */
const MAX_PENDING = 1_000

/** The application cannot say who a user is. It is never taken for a yes. */
export const applicationAway = (cause?: unknown): PosternError =>
  new PosternError({
    status: 503,
    code: 'temporarily_unavailable',
    detail: 'The application that knows the users does not answer at the moment. Try again.',
    headers: { 'retry-after': '5' },
    cause,
  })

/** Calls a function of the application. */
export type CallApplication = <T>(
  work: (options: CallOptions) => Awaitable<unknown>,
  read: (answer: unknown) => T,
) => Promise<T>

/**
 * @param name of the function, for the log
 * @returns a function that calls it. It throws 503 when the function throws, takes more than five seconds, or returns what
 * `read` rejects
 */
export function createCallApplication(name: string, log: Log, timeoutMs = APPLICATION_TIMEOUT_MS): CallApplication {
  let pending = 0

  async function call(work: (options: CallOptions) => Awaitable<unknown>): Promise<unknown> {
    if (pending >= MAX_PENDING) throw new Error('too many calls are not answered yet')
    const controller = new AbortController()
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        controller.abort()
        reject(new Error(`no answer within ${timeoutMs} ms`))
      }, timeoutMs)
    })
    pending++
    const answer = (async () => work({ signal: controller.signal }))()
    // Counted until it settles, also when nobody waits any longer.
    const settled = () => void pending--
    answer.then(settled, settled)
    return Promise.race([answer, late]).finally(() => clearTimeout(timer))
  }

  return async (work, read) => {
    try {
      return read(await call(work))
    } catch (error) {
      log.error({ err: error }, `${name} of the application failed`)
      throw applicationAway(error)
    }
  }
}

/** What is known of an application's user. */
export interface Profile {
  name: string
  email: string | null
  admin: boolean
  disabled: boolean
}

const MAX_NAME_LENGTH = 255
const MAX_EMAIL_LENGTH = 254

/** Reads what `find` returned. @returns undefined: there is no such user @throws TypeError for a wrong shape */
export function readProfile(id: string, answer: unknown): Profile | undefined {
  if (answer === undefined || answer === null) return undefined
  if (typeof answer !== 'object' || Array.isArray(answer)) throw new TypeError('it returned no object')
  const user = answer as Record<string, unknown>
  // A database that compares loosely finds the user 42 for the id 42abc.
  if ('id' in user && String(user.id) !== id) throw new TypeError('it returned a user with another id')
  const name = readText(user, 'name')
    ?.replace(/\p{C}+/gu, '')
    .trim()
  const email = readText(user, 'email')
  return {
    name: name ? [...name].slice(0, MAX_NAME_LENGTH).join('') : id,
    email: email && email.length <= MAX_EMAIL_LENGTH && !/[\p{C}\s]/u.test(email) ? email : null,
    admin: readFlag(user, 'admin'),
    disabled: readFlag(user, 'disabled'),
  }
}

function readText(user: Record<string, unknown>, property: string): string | undefined {
  const value = user[property] ?? undefined
  if (value === undefined || typeof value === 'string') return value
  throw new TypeError(`${property} is not a string`)
}

/** `'false'` and `0` are no booleans: to guess would let in who must stay out. */
function readFlag(user: Record<string, unknown>, property: string): boolean {
  const value = user[property] ?? false
  if (typeof value === 'boolean') return value
  throw new TypeError(`${property} is neither true nor false`)
}
