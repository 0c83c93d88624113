import { LockMode, UniqueConstraintViolationException } from '@mikro-orm/postgresql'
import { writeAudit } from '../audit/audit.ts'
import type { Database, Em } from '../database/database.ts'
import { raise } from '../errors/errors.ts'
import { applicationAway, type Profile } from './application.ts'
import type { ChangeUser } from './change-user.ts'
import type { Answer } from './directory.ts'
import { unusableHash } from './passwords.ts'
import { rowIdOf, subjectTaken } from './subject.ts'
import { User } from './user.entity.ts'

/** The rows of an application's users. */
export interface OwnUserRows {
  find(subject: string): Promise<User | undefined>
  /** The id at the application of the user with this row; undefined: there is none, or an operator disabled the user. */
  subjectToAsk(id: string): Promise<string | undefined>
  /** @param profile what the application says; undefined: it was not asked @throws 409 if the id names somebody else here */
  insert(subject: string, profile?: Profile): Promise<User>
  /** Stores what the application said of a user, where it differs from the row. @throws 503 if others keep changing the row */
  store(subject: string, answer: Answer): Promise<void>
}

/** How often an answer is stored while others change the row. */
const MAX_ATTEMPTS = 5

const SUBJECT_TO_ASK = `
  select subject from users
  where id = ? and subject is not null and (disabled_at is null or disabled_by_application)`

/** Revokes what a user has: tokens, sessions, consents. */
export type ForgetUser = (id: string) => Promise<unknown>

export function createOwnUserRows(db: Database, changeUser: ChangeUser, forgetUser: ForgetUser): OwnUserRows {
  const find = async (subject: string) =>
    (await db.run(em => em.findOne(User, { id: rowIdOf(subject), subject }))) ?? undefined

  /** @returns whether the row says what the answer says; false: it was changed, by this or at the same time */
  async function tryToStore(subject: string, answer: Answer): Promise<boolean> {
    const user = await find(subject)
    const change = user && changeBy(user, answer)
    if (!change) return true
    // Before the change: what is interrupted here is repeated.
    if (isSomebodyElse(user, answer)) await forgetUser(user.id)
    const options = { mayLeaveAccounts: true }
    await changeUser(user.id, change, em => assertUnchanged(em, user), options).catch(error => {
      if (!(error instanceof ChangedMeanwhile)) throw error
    })
    return false
  }

  return {
    find,
    subjectToAsk: async id => (await db.query<{ subject: string }>(SUBJECT_TO_ASK, [id]))[0]?.subject,
    async insert(subject, profile) {
      const now = new Date()
      const id = rowIdOf(subject)
      const row = { id, subject, name: subject, passwordHash: await unusableHash(), hasPassword: false }
      const role = profile?.admin ? ('admin' as const) : ('user' as const)
      const isDisabled = profile?.disabled === true
      const state = { role, disabledAt: isDisabled ? now : null, disabledByApplication: isDisabled }
      try {
        return await db.transaction(async em => {
          const user = em.create(User, { ...row, ...state, createdAt: now, updatedAt: now })
          await em.flush()
          writeAudit(em, { kind: 'user.created', userId: id, details: { role, subject } })
          return user
        })
      } catch (error) {
        if (!(error instanceof UniqueConstraintViolationException)) throw error
        // Another request may have been first.
        return (await find(subject)) ?? raise(subjectTaken(error))
      }
    },
    async store(subject, answer) {
      for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) if (await tryToStore(subject, answer)) return
      throw applicationAway(new ChangedMeanwhile())
    },
  }
}

/** Somebody else has changed the user. The answer is compared with that. */
class ChangedMeanwhile extends Error {}

async function assertUnchanged(em: Em, { id, updatedAt }: User): Promise<void> {
  const current = await em.findOne(User, { id }, { lockMode: LockMode.PESSIMISTIC_WRITE })
  if (current?.updatedAt.getTime() !== updatedAt.getTime()) throw new ChangedMeanwhile()
}

/** An id that was gone for longer than this, in milliseconds, may have been given to somebody else. */
const ABSENCE_MS = 3_600_000

const isSomebodyElse = (user: User, answer: Answer): boolean =>
  isBack(user, answer) && answer.askedAt - (user.goneAt as Date).getTime() > ABSENCE_MS

const isBack = (user: User, answer: Answer): boolean =>
  answer.profile !== undefined && user.goneAt != null && isNewer(user, answer)

/** What was asked before another node stored its answer is older than that, and takes nothing back. */
const isNewer = ({ updatedAt }: User, { askedAt }: Answer): boolean => updatedAt.getTime() < askedAt

/** What an answer changes in the row; undefined: nothing. Several changes are made one after another. */
function changeBy(user: User, answer: Answer): Parameters<ChangeUser>[1] | undefined {
  const { profile } = answer
  const isRefused = profile === undefined || profile.disabled
  const gone = profile === undefined && !user.goneAt ? { goneAt: new Date() } : undefined
  if (isRefused && user.disabledAt === null)
    return { 'user.disabled': { disabledAt: new Date(), disabledByApplication: true, ...gone } }
  if (gone) return { 'user.changed': gone }
  const role = profile?.admin ? ('admin' as const) : ('user' as const)
  // At once: the role may be that of somebody else.
  const back = isBack(user, answer) ? { goneAt: null, role } : undefined
  if (!isRefused && user.disabledByApplication && isNewer(user, answer))
    return { 'user.enabled': { disabledAt: null, disabledByApplication: false, ...back } }
  if (back) return { 'user.changed': back }
  if (!profile || role === user.role) return undefined
  if (profile.admin && !isNewer(user, answer)) return undefined
  return { 'user.changed': { role } }
}
