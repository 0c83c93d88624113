import type { Database } from '../database/database.ts'
import { notFound, raise } from '../errors/errors.ts'
import type { Log } from '../errors/log.ts'
import { isDerivedId } from '../text/derived-id.ts'
import { isUuid } from '../text/uuid.ts'
import type { ApplicationUsers } from './application.ts'
import type { ChangeUser } from './change-user.ts'
import { type Answer, createDirectory } from './directory.ts'
import { createOwnUserRows, type ForgetUser } from './own-user-rows.ts'
import { validateSubject } from './subject.ts'
import type { User } from './user.entity.ts'

/** Fields that the application decides. */
type Described = Pick<User, 'id' | 'name' | 'email'> & { subject?: string | null }

/**
 * The rows of an application's users, by the ids there. A row is created when a user is first used. It contains the id, the
 * role and whether the user is disabled; name and e-mail address stay in the application.
 */
export interface OwnUsers {
  /** Whether an application is asked about its users. */
  readonly asks: boolean
  /**
   * Finds a user as the application describes it now, and creates the row at first use.
   * @throws 422 for an invalid id; 404 if the application has no such user; 409 if the id names somebody else here; 503
   */
  ensure(subject: string): Promise<User>
  /** Finds the row. @throws 404 */
  find(subject: string): Promise<User>
  /** Rejects all tokens and sessions of the user, also of one that has none yet. The application is not asked. */
  disable(subject: string): Promise<User>
  /** @throws 404 */
  enable(subject: string): Promise<User>
  /** Until when it is known that the user may be let in, in milliseconds since the epoch; Infinity: nobody has to be asked. */
  confirmedUntil(subject: string | null): number
  /**
   * Asks the application whether the user is disabled or gone, unless it was asked in the last seconds, and stores a change,
   * which all nodes and guards obey.
   * @throws 503 if the application does not answer
   */
  confirm(subject: string | null): Promise<void>
  /** As `confirm`, by the id of the row; nobody is asked about a row that does not exist, or is not an application's user. */
  confirmRow(id: string): Promise<void>
  /** What the application last said of a user, also if it is outdated; undefined: nothing. */
  peek(subject: string): Answer | undefined
  /** The user with name and e-mail address of the application. @throws 503 */
  describe<T extends Described>(user: T): Promise<T>
  /** As `describe`, from memory: without them if they are not known. */
  describeNow<T extends Described>(user: T): T
}

export interface OwnUsersOptions {
  db: Database
  changeUser: ChangeUser
  /** undefined: no application is embedded here. Then each id is the word of whoever uses it. */
  find: ApplicationUsers['find'] | undefined
  /** Revokes what a user has. */
  forgetUser: ForgetUser
  log: Log
}

export function createOwnUsers({ db, changeUser, find: ask, forgetUser, log }: OwnUsersOptions): OwnUsers {
  const rows = createOwnUserRows(db, changeUser, forgetUser)
  const directory = ask && createDirectory({ find: ask, store: rows.store, log })

  const ensureRow = async (subject: string) =>
    (await rows.find(validateSubject(subject))) ?? (await rows.insert(subject))

  const find = async (subject: string) => (await rows.find(validateSubject(subject))) ?? raise(notFound('user'))

  function confirmedUntil(subject: string | null): number {
    if (!directory || subject === null) return Number.POSITIVE_INFINITY
    return directory.peek(subject)?.validUntil ?? 0
  }

  async function confirm(subject: string | null): Promise<void> {
    if (!directory || subject === null || confirmedUntil(subject) > Date.now()) return
    await directory.lookUp(subject)
  }

  function describeNow<T extends Described>(user: T): T {
    const profile = user.subject ? directory?.peek(user.subject)?.profile : undefined
    return profile ? { ...user, name: profile.name, email: profile.email } : user
  }

  return {
    asks: directory !== undefined,
    find,
    confirmedUntil,
    describeNow,
    peek: subject => directory?.peek(subject),
    async ensure(given) {
      const subject = validateSubject(given)
      if (!directory) return ensureRow(subject)
      const answer = await directory.lookUp(subject)
      if (!answer.profile) throw notFound('user')
      return (await rows.find(subject)) ?? rows.insert(subject, answer.profile)
    },
    async disable(subject) {
      const { id } = await ensureRow(subject)
      const values = { disabledAt: new Date(), disabledByApplication: false }
      return changeUser(id, { 'user.disabled': values }, undefined, { mayLeaveAccounts: true })
    },
    async enable(subject) {
      const { id } = await find(subject)
      return changeUser(id, { 'user.enabled': { disabledAt: null, disabledByApplication: false } })
    },
    confirm,
    async confirmRow(id) {
      if (!directory || !isUuid(id) || !isDerivedId(id)) return
      await confirm((await rows.subjectToAsk(id)) ?? null)
    },
    async describe(user) {
      if (directory && user.subject) await directory.lookUp(user.subject)
      return describeNow(user)
    },
  }
}
