import type { InvalidationBus } from '../cluster/invalidation-bus.ts'
import type { Database } from '../database/database.ts'
import { kindOf } from './password-hashes.ts'

/** The kinds of hashes that passwords of users have, as a hash of each begins. */
export type HashKinds = () => Promise<readonly string[]>

/** Rarer kinds are left out: each costs every wrong password its time. */
const MAX_KINDS = 4
const SELECT = `
  select substring(password_hash from '(\\$(2[abxy]\\$[0-9]{2}|argon2[a-z]+\\$v=[0-9]+\\$[^$]+)\\$)') as kind
  from users where has_password group by 1 order by count(*) desc limit 50`
const HOUR_MS = 3_600_000
const MINUTE_MS = 60_000

/**
 * Reads them once an hour, and after an import: the first sign-in replaces a hash of another system. All users are read for
 * that, so only the very first sign-in waits; afterwards the kinds that were read before apply until there are others, also
 * when reading fails or this node is not notified of changes.
 */
export function createHashKinds(db: Pick<Database, 'query'>, bus: Pick<InvalidationBus, 'subscribe'>): HashKinds {
  let known: readonly string[] | undefined
  let dueAt = 0
  let loading: Promise<void> | undefined
  bus.subscribe(({ kind }) => {
    if (kind === 'everything') dueAt = 0
  })

  async function load(): Promise<void> {
    dueAt = Date.now() + HOUR_MS
    try {
      const rows = await db.query<{ kind: string | null }>(SELECT)
      known = [...new Set(rows.flatMap(({ kind }) => kindOf(kind ?? '') ?? []))].slice(0, MAX_KINDS)
    } catch {
      // A sign-in does not need them.
      dueAt = Date.now() + MINUTE_MS
    } finally {
      loading = undefined
    }
  }

  return async () => {
    if (Date.now() >= dueAt) loading ??= load()
    if (known === undefined) await loading
    return known ?? []
  }
}
