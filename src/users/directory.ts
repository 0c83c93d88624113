import QuickLRU from 'quick-lru'
import type { Log } from '../errors/log.ts'
import {
  APPLICATION_TIMEOUT_MS,
  type ApplicationUsers,
  createCallApplication,
  type Profile,
  readProfile,
} from './application.ts'

/** What the application last said about a user. */
export interface Answer {
  /** undefined: there is no such user. */
  profile: Profile | undefined
  /** When it was asked, and until when the answer is used: milliseconds since the epoch. */
  askedAt: number
  validUntil: number
}

/** Looks up users of the application. */
export interface Directory {
  /**
   * Asks `find` of the application, unless it answered in the last seconds. Concurrent look-ups of a user are one.
   * @throws 503 if the application does not answer
   */
  lookUp(subject: string): Promise<Answer>
  /** The last answer, also if it is outdated. */
  peek(subject: string): Answer | undefined
}

export interface DirectoryOptions {
  find: ApplicationUsers['find']
  /** Stores an answer before it is used. */
  store: (subject: string, answer: Answer) => Promise<unknown>
  log: Log
  /** Milliseconds for which an answer is used. */
  ttlMs?: number
  timeoutMs?: number
}

/** How long an answer is used: a change at the application arrives here within this time. */
export const ANSWER_TTL_MS = 5_000
/** How long a failure is used, so that an application that is slow is not asked again by every request. */
const FAILURE_TTL_MS = 1_000
/** How long an id is unknown: somebody who has just registered gets a token. */
const UNKNOWN_TTL_MS = 1_000
const MAX_ANSWERS = 20_000

export function createDirectory(options: DirectoryOptions): Directory {
  const { find, store, log, ttlMs = ANSWER_TTL_MS, timeoutMs = APPLICATION_TIMEOUT_MS } = options
  const call = createCallApplication('users.find', log, timeoutMs)
  const answers = new QuickLRU<string, Answer>({ maxSize: MAX_ANSWERS / 2 })
  const failures = new QuickLRU<string, { error: unknown; until: number }>({ maxSize: MAX_ANSWERS / 2 })
  const pending = new Map<string, Promise<Answer>>()

  async function ask(subject: string): Promise<Answer> {
    const askedAt = Date.now()
    try {
      const profile = await call(
        callOptions => find(subject, callOptions),
        answer => readProfile(subject, answer),
      )
      const answer = { profile, askedAt, validUntil: askedAt + (profile ? ttlMs : UNKNOWN_TTL_MS) }
      await store(subject, answer)
      answers.set(subject, answer)
      failures.delete(subject)
      return answer
    } catch (error) {
      failures.set(subject, { error, until: Date.now() + FAILURE_TTL_MS })
      throw error
    }
  }

  function shareAsking(subject: string): Promise<Answer> {
    const asked = pending.get(subject)
    if (asked) return asked
    const started = ask(subject).finally(() => pending.delete(subject))
    pending.set(subject, started)
    return started
  }

  return {
    async lookUp(subject) {
      const now = Date.now()
      const known = answers.get(subject)
      if (known && known.validUntil > now) return known
      const failed = failures.get(subject)
      if (failed && failed.until > now) throw failed.error
      return shareAsking(subject)
    },
    peek: subject => answers.get(subject),
  }
}
