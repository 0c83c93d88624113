import type { FilterQuery } from '@mikro-orm/postgresql'
import type { InvalidationBus } from '../cluster/invalidation-bus.ts'
import type { Database } from '../database/database.ts'
import { BATCH_SIZE, type Batch, type Progress, runBatches } from '../database/run-batches.ts'
import { invalid } from '../errors/errors.ts'
import { revokeTokens } from './revoke.ts'
import { AccessToken } from './token.entity.ts'

/** Which tokens, of whatever user and client; all conditions must hold. */
export interface BulkFilter {
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

export interface TokenAdmin {
  /** Newest first; live ones only, unless `all`. */
  list(filter: BulkFilter, page: { limit: number; after?: string | undefined; all?: boolean }): Promise<AccessToken[]>
  find(id: string): Promise<AccessToken | undefined>
  /** How many live tokens it selects. */
  count(filter: BulkFilter): Promise<number>
  /**
   * Revokes the live tokens it selects, a batch to a transaction: what is acknowledged is done. Called again it goes on.
   * @param timeoutMs milliseconds after which it begins no further batch; without it, it revokes them all
   * @throws 422 for a selector that selects everything; 503 when the database fails before anything is revoked
   */
  revoke(filter: BulkFilter, timeoutMs?: number): Promise<Progress>
}

export function createTokenAdmin(db: Database, bus: InvalidationBus): TokenAdmin {
  const revokeBatch = (matching: FilterQuery<AccessToken>) =>
    bus.transaction(async (em, publish): Promise<Batch> => {
      const where = { $and: [matching, live()] } as FilterQuery<AccessToken>
      const rows = await em.find(AccessToken, where, { fields: ['id'], orderBy: { id: 'asc' }, limit: BATCH_SIZE })
      const revoked = await revokeTokens(em, publish, { id: { $in: rows.map(row => row.id) } })
      // Somebody else may have revoked some of them meanwhile, and what was exchanged for one may be selected itself.
      const counted = {
        $and: [matching, { id: { $in: revoked }, expiresAt: { $gt: new Date() } }],
      } as FilterQuery<AccessToken>
      return { count: revoked.length === 0 ? 0 : await em.count(AccessToken, counted), last: rows.length < BATCH_SIZE }
    })

  return {
    list: (filter, { limit, after, all = false }) => {
      const rest = { ...(after && { id: { $lt: after } }) }
      const where = { $and: [toWhere(filter), all ? {} : live(), rest] } as FilterQuery<AccessToken>
      return db.run(em => em.find(AccessToken, where, { orderBy: { id: 'desc' }, limit }))
    },
    find: id => db.run(async em => (await em.findOne(AccessToken, { id })) ?? undefined),
    count: filter =>
      db.run(em => em.count(AccessToken, { $and: [toWhere(filter), live()] } as FilterQuery<AccessToken>)),
    async revoke(filter, timeoutMs = Infinity) {
      if (Object.values(filter).every(v => v === undefined)) {
        throw invalid({ path: '', message: 'Name at least one condition: this would revoke every token.' })
      }
      return runBatches(() => revokeBatch(toWhere(filter)), timeoutMs)
    },
  }
}

const live = () => ({ revoked: false, expiresAt: { $gt: new Date() } })

function toWhere({ userId, clientId, scope, madeBefore, unusedSince, signed }: BulkFilter): FilterQuery<AccessToken> {
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
