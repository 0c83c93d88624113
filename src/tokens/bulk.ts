import type { FilterQuery } from '@mikro-orm/postgresql'
import type { InvalidationBus } from '../cluster/invalidation-bus.ts'
import type { Database } from '../database/database.ts'
import { BATCH_SIZE, type Batch, type Progress, runBatches } from '../database/run-batches.ts'
import { invalid } from '../errors/errors.ts'
import { revokeTokens } from './revoke.ts'
import { AccessToken } from './token.entity.ts'

/** Selects tokens of any user and client. A token must satisfy all conditions. */
export interface BulkFilter {
  userId?: string | undefined
  clientId?: string | undefined
  /** Tokens that were granted exactly this scope. */
  scope?: string | undefined
  madeBefore?: Date | undefined
  /** Not used since then. A token that was never used must also have been created before then. */
  unusedSince?: Date | undefined
  /** JWTs with an id from the first to the second value (inclusive): those issued while a key signed. */
  signed?: readonly [string, string] | undefined
}

export interface TokenAdmin {
  /** Lists tokens, newest first; only live ones unless `all`. */
  list(filter: BulkFilter, page: { limit: number; after?: string | undefined; all?: boolean }): Promise<AccessToken[]>
  find(id: string): Promise<AccessToken | undefined>
  /** Counts the live tokens that match. */
  count(filter: BulkFilter): Promise<number>
  /**
   * Revokes the live tokens that match. Each batch has its own transaction, so the reported count is committed. Call it
   * again to continue.
   * @param timeoutMs milliseconds after which no further batch starts; default: no limit
   * @throws 422 for a filter without conditions; 503 if the database fails before anything is revoked
   */
  revoke(filter: BulkFilter, timeoutMs?: number): Promise<Progress>
}

export function createTokenAdmin(db: Database, bus: InvalidationBus): TokenAdmin {
  const revokeBatch = (matching: FilterQuery<AccessToken>) =>
    bus.transaction(async (em, publish): Promise<Batch> => {
      const where = { $and: [matching, live()] } as FilterQuery<AccessToken>
      const rows = await em.find(AccessToken, where, { fields: ['id'], orderBy: { id: 'asc' }, limit: BATCH_SIZE })
      const revoked = await revokeTokens(em, publish, { id: { $in: rows.map(row => row.id) } })
      // Others may have revoked some of them concurrently, and a token exchanged for one of them may itself match.
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
        throw invalid({
          path: '',
          message: 'Specify at least one condition: without one, this would revoke every token.',
        })
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
