import type { Em } from '../database/database.ts'
import { normalizeEmail } from '../users/emails.ts'
import { createUserImporter, findUserById, findUsersByEmail, type UserImporter } from '../users/import.ts'
import { isCostlyHash, isKnownHash } from '../users/password-hashes.ts'
import { unusableHash } from '../users/passwords.ts'
import type { User } from '../users/user.entity.ts'
import { preferIndexes } from './by-index.ts'
import type { ImportContext } from './context.ts'
import type { UserDraft } from './drafts.ts'
import { findImported } from './lookup.ts'
import { type Found, noteUsers, type Outcome, TAKEN } from './note-users.ts'
import { REJECTED, writeAccepted } from './rejected.ts'

/**
 * How users of the source become ours. `by-email`: by the address of an existing user. `create`: users that do not exist are
 * created. A map: ids or addresses of ours by the id in the source.
 */
export type UserMode = 'by-email' | 'create' | ReadonlyMap<string, string>

const UNKNOWN = 'no user here has its e-mail address (--users create creates them)'
const NOT_MAPPED = 'the map of --users does not name it'
const WRONGLY_MAPPED = 'the map of --users names a user who does not exist here'
/** Whoever registered an address in the source without proving it would get the account here, and the other way round. */
const UNCONFIRMED = 'nobody confirmed its e-mail address in the source'
const UNCONFIRMED_HERE = 'the user here who has its e-mail address has not confirmed it'
const ALLOW = '--users map.csv can name its user here, and --unconfirmed-emails matches such users'
const ADMINISTRATOR = 'its e-mail address is that of an administrator here, whom only --users map.csv can name'
const NO_PASSWORD = 'the format of its password hash is not known: it needs a new password'
const TOO_COSTLY = 'its password hash takes too much time or memory to verify: it needs a new password'

type FindUser = (target: string) => User | undefined | Promise<User | undefined>
type Create = UserImporter['create'] | undefined

/** Imports a batch of users. */
export type ImportUsers = (drafts: readonly UserDraft[]) => Promise<void>

export interface ImportUsersOptions {
  mode: UserMode
  /** Whether an address also matches that was not confirmed in the source, or not here. */
  unconfirmedEmails: boolean
}

export function createImportUsers(context: ImportContext, options: ImportUsersOptions): ImportUsers {
  const { mode, unconfirmedEmails } = options
  const { services, source, report, dryRun, planned } = context

  /** Nobody knows the password of the second hash, so the user has to get a new one. */
  function passwordHash({ ref, passwordHash: hash }: UserDraft): string | Promise<string> {
    if (hash !== null && isKnownHash(hash)) return hash
    if (hash !== null) report.remark('users', ref, isCostlyHash(hash) ? TOO_COSTLY : NO_PASSWORD)
    return unusableHash()
  }

  /** The address or id of ours that a user of the source is matched by. */
  const targetOf = ({ ref, email }: UserDraft) =>
    typeof mode === 'string' ? email : (mode.get(ref) ?? mode.get(idOf(ref)) ?? '')

  async function resolve(draft: UserDraft, find: FindUser, create: Create): Promise<Found | string> {
    const target = targetOf(draft)
    if (typeof mode !== 'string' && target === '') return NOT_MAPPED
    const existing = await find(target)
    if (existing) return (typeof mode === 'string' && mismatch(draft, existing, unconfirmedEmails)) || existing
    if (typeof mode !== 'string') return WRONGLY_MAPPED
    return create === undefined ? UNKNOWN : create({ ...draft, passwordHash: await passwordHash(draft) })
  }

  async function resolveAll(em: Em, drafts: readonly UserDraft[]): Promise<Outcome[]> {
    const emails = drafts.map(targetOf).filter(isEmail)
    const importer = mode === 'create' ? await createUserImporter(em, emails, source) : undefined
    const findByEmail = await findUsersByEmail(em, emails)
    const find: FindUser = target => (isEmail(target) ? findByEmail(target) : findUserById(em, target))
    const outcomes: Outcome[] = []
    const seen = new Set<string>()
    for (const draft of drafts) {
      // A user that the same batch created is not among those that were found.
      const key = normalizeEmail(targetOf(draft))
      const user = seen.has(key) ? TAKEN : await resolve(draft, find, importer?.create)
      if (typeof user !== 'string') seen.add(key)
      outcomes.push({ draft, user })
    }
    await importer?.insert()
    return noteUsers(context, em, outcomes)
  }

  async function importNew(drafts: readonly UserDraft[]): Promise<Outcome[]> {
    const { results, rejected } = await writeAccepted(drafts, importAll)
    return [...results.flat(), ...rejected.map(draft => ({ draft, user: REJECTED }))]
  }

  /** A dry run does the same and rolls it back. */
  async function importAll(drafts: readonly UserDraft[]): Promise<Outcome[]> {
    const rollback = new Error('dry run')
    let outcomes: Outcome[] = []
    await services.db
      .transaction(async em => {
        await preferIndexes(em)
        outcomes = await resolveAll(em, drafts)
        if (dryRun) throw rollback
      })
      .catch(error => {
        if (error !== rollback) throw error
      })
    return outcomes
  }

  return async drafts => {
    report.count('users', 'read', drafts.length)
    const refs = drafts.map(({ ref }) => ref)
    const known = await findImported(services.db, source, 'user', refs)
    report.count('users', 'known', known.size)
    const fresh = drafts.filter(({ ref }) => !known.has(ref))
    const outcomes = fresh.length > 0 ? await importNew(fresh) : []
    for (const { draft, user } of outcomes) {
      if (typeof user === 'string') report.refuse('users', draft.ref, user)
      else {
        report.count('users', 'imported')
        if (dryRun) planned.add(`user ${draft.ref}`)
      }
    }
  }
}

/** Why the address does not prove that both are the same person; undefined: it does. */
function mismatch(draft: UserDraft, existing: User, unconfirmedEmails: boolean): string | undefined {
  if (existing.role === 'admin') return ADMINISTRATOR
  if (unconfirmedEmails) return undefined
  if (draft.emailConfirmedAt === null) return `${UNCONFIRMED}: ${ALLOW}`
  return existing.emailConfirmedAt === null ? `${UNCONFIRMED_HERE}: ${ALLOW}` : undefined
}

const idOf = (ref: string) => ref.slice(ref.indexOf('/') + 1)

const isEmail = (target: string) => target.includes('@')
