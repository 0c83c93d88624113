import type { FilterQuery } from '@mikro-orm/postgresql'
import type { Changes } from '../cluster/changes.ts'
import type { Database } from '../database/database.ts'
import { BATCH, type Batch, inTime, type Progress } from '../database/in-time.ts'
import { invalid } from '../errors/errors.ts'
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
  /** Signed tokens with an id from the first to the second of these: those made while a key signed. */
  signed?: readonly [string, string] | undefined
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
  revoke(selector: Selector, longest?: number): Promise<Progress>
}

export function createSelection(db: Database, changes: Changes): Selection {
  const revokeBatch = (selected: FilterQuery<AccessToken>) =>
    changes.transaction(async (em, announce): Promise<Batch> => {
      const where = { $and: [selected, live()] } as FilterQuery<AccessToken>
      const rows = await em.find(AccessToken, where, { fields: ['id'], orderBy: { id: 'asc' }, limit: BATCH })
      const dead = await retire(em, announce, { id: { $in: rows.map(row => row.id) } })
      // Somebody else may have revoked some of them meanwhile, and what was exchanged for one may be selected itself.
      const mine = {
        $and: [selected, { id: { $in: dead }, expiresAt: { $gt: new Date() } }],
      } as FilterQuery<AccessToken>
      return { count: dead.length === 0 ? 0 : await em.count(AccessToken, mine), last: rows.length < BATCH }
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
      return inTime(() => revokeBatch(select(selector)), longest)
    },
  }
}

const live = () => ({ revoked: false, expiresAt: { $gt: new Date() } })

function select({ userId, clientId, scope, madeBefore, unusedSince, signed }: Selector): FilterQuery<AccessToken> {
  const conditions: object[] = []
  if (userId) conditions.push({ user: userId })
  if (clientId) conditions.push({ client: clientId })
  if (scope) conditions.push({ scopes: { $contains: [scope] } })
  if (madeBefore) conditions.push({ createdAt: { $lt: madeBefore } })
  if (signed) conditions.push({ id: { $gte: signed[0], $lte: signed[1] }, format: 'jwt' })
  if (unusedSince) {
    const never = { lastUsedAt: null, createdAt: { $lt: unusedSince } }
    conditions.push({ $or: [{ lastUsedAt: { $lt: unusedSince } }, never] })
  }
  return { $and: conditions } as FilterQuery<AccessToken>
}
