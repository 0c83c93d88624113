import type { FilterQuery } from '@mikro-orm/postgresql'
import type { Changes } from '../changes/changes.ts'
import type { Database } from '../database.ts'
import { invalid, PosternError, raise } from '../errors.ts'
import { retire } from './retire.ts'
import { AccessToken } from './token.entity.ts'

/** Which tokens, of whatever user and client; all conditions must hold. */
export interface Selector {
  userId?: string | undefined
  clientId?: string | undefined
  /** Tokens that were given this very scope. */
  scope?: string | undefined
  madeBefore?: Date | undefined
  /** Not used since then, or never and made before then. */
  unusedSince?: Date | undefined
}

export interface Selection {
  /** Newest first; live ones only, unless `all`. */
  list(selector: Selector, page: { limit: number; after?: string | undefined; all?: boolean }): Promise<AccessToken[]>
  find(id: string): Promise<AccessToken | undefined>
  /** How many live tokens it selects. */
  count(selector: Selector): Promise<number>
  /**
   * Revokes the live tokens it selects, a batch to a transaction: what is acknowledged is done. Called again it goes on.
   * @param longest milliseconds after which it begins no further batch; without it, it revokes them all
   * @throws 422 for a selector that selects everything; 503 when the database fails before anything is revoked
   */
  revoke(selector: Selector, longest?: number): Promise<Revoked>
}

export interface Revoked {
  /** Selected tokens that are revoked now and were not before. */
  count: number
  /** false: some may be left, and the same call goes on with them. */
  complete: boolean
}

/**
 * Milliseconds for whoever waits on a connection: clients, proxies and balancers give up after 30 seconds or more, and
 * the last batch takes its time too.
 */
export const REVOKE_MS = 15_000

const BATCH = 1_000

export function createSelection(db: Database, changes: Changes): Selection {
  const revokeBatch = (where: FilterQuery<AccessToken>) =>
    changes.transaction(async (em, announce) => {
      const rows = await em.find(AccessToken, where, { fields: ['id'], orderBy: { id: 'asc' }, limit: BATCH })
      await retire(em, announce, { id: { $in: rows.map(row => row.id) } })
      return rows.length
    })

  return {
    list: (selector, { limit, after, all = false }) => {
      const rest = { ...(after && { id: { $lt: after } }) }
      const where = { $and: [select(selector), all ? {} : live(), rest] } as FilterQuery<AccessToken>
      return db.run(em => em.find(AccessToken, where, { orderBy: { id: 'desc' }, limit }))
    },
    find: id => db.run(async em => (await em.findOne(AccessToken, { id })) ?? undefined),
    count: selector =>
      db.run(em => em.count(AccessToken, { $and: [select(selector), live()] } as FilterQuery<AccessToken>)),
    async revoke(selector, longest = Infinity) {
      if (Object.values(selector).every(v => v === undefined)) {
        throw invalid({ path: '', message: 'Name at least one condition: this would revoke every token.' })
      }
      const where = { $and: [select(selector), live()] } as FilterQuery<AccessToken>
      return inTime(() => revokeBatch(where), longest)
    },
  }
}

/** Batches until one is not full, or the time is over. What was revoked before an error is told all the same. */
async function inTime(revokeBatch: () => Promise<number>, longest: number): Promise<Revoked> {
  const end = performance.now() + longest
  let count = 0
  do {
    const last = await revokeBatch().catch(error => (count > 0 && isAway(error) ? undefined : raise(error)))
    if (last === undefined) return { count, complete: false }
    count += last
    if (last < BATCH) return { count, complete: true }
  } while (performance.now() < end)
  return { count, complete: false }
}

const isAway = (error: unknown) => error instanceof PosternError && error.status === 503

const live = () => ({ revoked: false, expiresAt: { $gt: new Date() } })

function select({ userId, clientId, scope, madeBefore, unusedSince }: Selector): FilterQuery<AccessToken> {
  const conditions: object[] = []
  if (userId) conditions.push({ user: userId })
  if (clientId) conditions.push({ client: clientId })
  if (scope) conditions.push({ scopes: { $contains: [scope] } })
  if (madeBefore) conditions.push({ createdAt: { $lt: madeBefore } })
  if (unusedSince) {
    const never = { lastUsedAt: null, createdAt: { $lt: unusedSince } }
    conditions.push({ $or: [{ lastUsedAt: { $lt: unusedSince } }, never] })
  }
  return { $and: conditions } as FilterQuery<AccessToken>
}
