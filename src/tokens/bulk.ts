import type { FilterQuery } from '@mikro-orm/postgresql'
import type { Publish } from '../cluster/invalidation-bus.ts'
import type { Database, Em } from '../database/database.ts'
import type { Step, StepOptions } from '../database/run-batches.ts'
import { invalid } from '../errors/errors.ts'
import type { Input } from '../operations/kind.ts'
import type { OperationOptions, OperationProgress, Operations } from '../operations/operations.ts'
import { countIssued } from './count-issued.ts'
import type { ListState } from './list.ts'
import { selectTokenIds } from './revoke.ts'
import { revokeNextTokens } from './revoke-many.ts'
import { AccessToken } from './token.entity.ts'

/** Selects tokens of any user and client. A token must satisfy all conditions. */
export interface BulkFilter {
  userId?: string | undefined
  clientId?: string | undefined
  /** Tokens that were granted exactly this scope. */
  scope?: string | undefined
  createdBefore?: Date | undefined
  /** Not used since then. A token that was never used must also have been created before then. */
  unusedSince?: Date | undefined
  /** JWTs with an id from the first to the second value (inclusive): those issued while a key signed. */
  signed?: readonly [string, string] | undefined
}

export interface TokenAdmin {
  /** Lists tokens, newest first. @param page `state`: default `live` */
  list(
    filter: BulkFilter,
    page: { limit: number; after?: string | undefined; state?: ListState | undefined },
  ): Promise<AccessToken[]>
  find(id: string): Promise<AccessToken | undefined>
  /** How many live tokens the revocation of this token would revoke along with it. */
  countIssued(id: string): Promise<number>
  /** Counts the live tokens that match. */
  count(filter: BulkFilter): Promise<number>
  /** Whether more than so many live tokens match. */
  hasMoreThan(filter: BulkFilter, count: number): Promise<boolean>
  /**
   * Revokes the live tokens that match. Each batch has its own transaction, so the reported count is committed. Without
   * `background`, call it again to continue.
   * @throws 422 for a filter without conditions; 503 if the database fails before anything is revoked
   */
  revoke(filter: BulkFilter, options?: OperationOptions): Promise<OperationProgress>
  /** Revokes the next batch of them in the transaction of `em`. */
  revokeNext(em: Em, publish: Publish, filter: BulkFilter, options: StepOptions): Promise<Step>
}

export function createTokenAdmin(db: Database, operations: Pick<Operations, 'define'>): TokenAdmin {
  const liveTokens = (filter: BulkFilter) => ({ $and: [toWhere(filter), live()] }) as FilterQuery<AccessToken>

  async function revokeNext(em: Em, publish: Publish, filter: BulkFilter, options: StepOptions): Promise<Step> {
    const { matching, along, last, state } = await revokeNextTokens(em, publish, liveTokens(filter), options)
    // A token that was exchanged for one of them, or issued by it, may itself match.
    const counted = {
      $and: [toWhere(filter), { id: { $in: along }, expiresAt: { $gt: new Date() } }],
    } as FilterQuery<AccessToken>
    const more = along.length === 0 ? 0 : await em.count(AccessToken, counted)
    return { count: matching.length + more, last, state }
  }

  const revoke = operations.define('revoke_tokens', {
    step: (em, publish, input: Input, options) => revokeNext(em, publish, fromInput(input), options),
    remaining: (em, input) => em.count(AccessToken, liveTokens(fromInput(input))),
  })

  return {
    list: (filter, { limit, after, state = 'live' }) => {
      const rest = { ...(after && { id: { $lt: after } }) }
      const where = { $and: [toWhere(filter), inState(state), rest] } as FilterQuery<AccessToken>
      return db.run(em => em.find(AccessToken, where, { orderBy: { id: 'desc' }, limit }))
    },
    find: id => db.run(async em => (await em.findOne(AccessToken, { id })) ?? undefined),
    countIssued: id => countIssued(db, id),
    count: filter => db.run(em => em.count(AccessToken, liveTokens(filter))),
    hasMoreThan: (filter, count) =>
      db.run(async em => (await selectTokenIds(em, liveTokens(filter), { limit: 1, offset: count })).length > 0),
    revokeNext,
    async revoke(filter, options) {
      requireCondition(filter)
      return revoke(toInput(filter), options)
    },
  }
}

/** A filter as the input of an operation, which is stored as JSON. */
function toInput({ userId, clientId, scope, createdBefore, unusedSince, signed }: BulkFilter): Input {
  return {
    ...(userId !== undefined && { user: userId }),
    ...(clientId !== undefined && { client: clientId }),
    ...(scope !== undefined && { scope }),
    ...(createdBefore && { created_before: createdBefore.toISOString() }),
    ...(unusedSince && { unused_since: unusedSince.toISOString() }),
    ...(signed && { signed_from: signed[0], signed_to: signed[1] }),
  }
}

function fromInput({ user, client, scope, created_before, unused_since, signed_from, signed_to }: Input): BulkFilter {
  return {
    userId: user,
    clientId: client,
    scope,
    createdBefore: created_before === undefined ? undefined : new Date(created_before),
    unusedSince: unused_since === undefined ? undefined : new Date(unused_since),
    signed: signed_from === undefined || signed_to === undefined ? undefined : [signed_from, signed_to],
  }
}

/** @throws 422 */
function requireCondition(filter: BulkFilter): void {
  if (conditionsOf(filter).length > 0) return
  throw invalid({
    path: '',
    message: 'Specify at least one condition: without one, this would revoke every token.',
  })
}

const live = () => ({ revoked: false, expiresAt: { $gt: new Date() } })

function inState(state: ListState): object {
  const now = new Date()
  const where: Record<ListState, object> = {
    live: live(),
    active: { ...live(), suspended: false },
    suspended: { ...live(), suspended: true },
    ended: { $or: [{ revoked: true }, { expiresAt: { $lte: now } }] },
    revoked: { revoked: true },
    expired: { revoked: false, expiresAt: { $lte: now } },
    all: {},
  }
  return where[state]
}

const toWhere = (filter: BulkFilter) => ({ $and: conditionsOf(filter) }) as FilterQuery<AccessToken>

/** One condition for each value that is not undefined: an empty one, such as the scope `''`, matches nothing instead of everything. */
function conditionsOf({ userId, clientId, scope, createdBefore, unusedSince, signed }: BulkFilter): object[] {
  const conditions: object[] = []
  if (userId !== undefined) conditions.push({ user: userId })
  if (clientId !== undefined) conditions.push({ client: clientId })
  if (scope !== undefined) conditions.push({ scopes: { $contains: [scope] } })
  if (createdBefore !== undefined) conditions.push({ createdAt: { $lt: createdBefore } })
  if (signed !== undefined) conditions.push({ id: { $gte: signed[0], $lte: signed[1] }, format: 'jwt' })
  if (unusedSince !== undefined) {
    const never = { lastUsedAt: null, createdAt: { $lt: unusedSince } }
    conditions.push({ $or: [{ lastUsedAt: { $lt: unusedSince } }, never] })
  }
  return conditions
}
