import type { FilterQuery } from '@mikro-orm/postgresql'
import { writeAudit } from '../audit/audit.ts'
import type { InvalidationBus, Publish } from '../cluster/invalidation-bus.ts'
import type { Database, Em } from '../database/database.ts'
import type { Step, StepOptions } from '../database/run-batches.ts'
import type { Input } from '../operations/kind.ts'
import type { OperationOptions, OperationProgress, Operations } from '../operations/operations.ts'
import {
  type BulkFilter,
  fromInput,
  live,
  requireCondition,
  toInput,
  toWhere,
  understandsInput,
} from './bulk-filter.ts'
import { countIssued } from './count-issued.ts'
import { endGrantsOf, grantsOf } from './end-grants.ts'
import { countTokens, type ListAllPage, listTokens } from './list-all.ts'
import { revokeTokenIds } from './revoke.ts'
import type { RevokeToken } from './revoke-batch.ts'
import { revokeNextTokens } from './revoke-many.ts'
import { AccessToken } from './token.entity.ts'

export type { BulkFilter } from './bulk-filter.ts'

export interface TokenAdmin {
  /** Lists tokens, newest first unless sorted otherwise. */
  list(filter: BulkFilter, page: ListAllPage): Promise<AccessToken[]>
  find(id: string): Promise<AccessToken | undefined>
  /** How many live tokens the revocation of this token would revoke along with it. */
  countIssued(id: string): Promise<number>
  /** Counts the live tokens that match. @param some `search` as in a list; `max`: counts no further */
  count(filter: BulkFilter, some?: { search?: string | undefined; max?: number | undefined }): Promise<number>
  /**
   * Revokes the token with this id if it is live, what it issued, and all tokens of its grant, refresh tokens included.
   * @returns the number of revoked access tokens; 0: it was not revoked
   */
  revokeOne(id: string): Promise<number>
  /**
   * Revokes the live tokens that match, and the refresh tokens of their grants unless it is by a key or by the age of tokens.
   * Each batch has its own transaction, so the reported count is committed. Without `background`, call it again to continue.
   * @throws 422 for a filter without conditions; 503 if the database fails before anything is revoked
   */
  revoke(filter: BulkFilter, options?: OperationOptions): Promise<OperationProgress>
}

export interface TokenAdminOptions {
  db: Database
  bus: InvalidationBus
  operations: Pick<Operations, 'define'>
  revokeToken: RevokeToken
}

export function createTokenAdmin({ db, bus, operations, revokeToken }: TokenAdminOptions): TokenAdmin {
  const liveTokens = (filter: BulkFilter) => ({ $and: [toWhere(filter), live()] }) as FilterQuery<AccessToken>

  /** Revokes the next batch of them in the transaction of `em`. */
  async function revokeNext(em: Em, publish: Publish, filter: BulkFilter, options: StepOptions): Promise<Step> {
    const { matching, along, last, state } = await revokeNextTokens(em, publish, liveTokens(filter), {
      ...options,
      before: endsGrants(filter) ? async (em, ids) => (await endGrantsOf(em, ids)).accessTokens : undefined,
    })
    // A token that was exchanged for one of them, or issued by it, may itself match.
    const counted = {
      $and: [toWhere(filter), { id: { $in: along }, expiresAt: { $gt: new Date() } }],
    } as FilterQuery<AccessToken>
    const more = along.length === 0 ? 0 : await em.count(AccessToken, counted)
    return { count: matching.length + more, last, state }
  }

  const revoke = operations.define('revoke_tokens', {
    understands: understandsInput,
    step: (em, publish, input: Input, options) => revokeNext(em, publish, requireCondition(fromInput(input)), options),
    remaining: (em, input) => em.count(AccessToken, liveTokens(fromInput(input))),
  })

  return {
    list: (filter, page) => listTokens(db, filter, page),
    find: id => db.run(async em => (await em.findOne(AccessToken, { id })) ?? undefined),
    countIssued: id => countIssued(db, id),
    count: (filter, some) => countTokens(db, filter, some),
    async revokeOne(id) {
      if ((await db.run(em => grantsOf(em, [id]))).length === 0) return revokeToken(id)
      return bus.transaction(async (em, publish) => {
        const { grants, accessTokens } = await endGrantsOf(em, [id])
        const revoked = await revokeTokenIds(em, publish, [...new Set([id, ...accessTokens])])
        // Each revoked access token has an audit entry of its own.
        if (revoked.length === 0) await auditEnded(em, id, grants)
        return revoked.length
      })
    },
    async revoke(filter, options) {
      return revoke(toInput(requireCondition(filter)), options)
    },
  }
}

/**
 * Whether a revocation is about who may have access. One by a key or by the age of the tokens is not: the app may go on with
 * another token.
 */
const endsGrants = ({ signed, unusedSince, neverUsed, expiresBefore }: BulkFilter) =>
  !signed && !unusedSince && neverUsed === undefined && !expiresBefore

async function auditEnded(em: Em, id: string, grants: readonly string[]): Promise<void> {
  const token = await em.findOne(AccessToken, { id }, { fields: ['user', 'client'] })
  for (const grant of grants)
    writeAudit(em, { kind: 'token.revoked', userId: token?.user, clientId: token?.client, details: { grant } })
}
