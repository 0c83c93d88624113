import type { FilterQuery } from '@mikro-orm/postgresql'
import { invalid } from '../errors/errors.ts'
import type { Input } from '../operations/kind.ts'
import type { ListState } from './list.ts'
import type { AccessToken } from './token.entity.ts'

/** Selects tokens of any user and client. A token must satisfy all conditions. */
export interface BulkFilter {
  userId?: string | undefined
  clientId?: string | undefined
  /** Tokens that were granted exactly this scope. */
  scope?: string | undefined
  createdBefore?: Date | undefined
  /** Not used since then. A token that was never used must also have been created before then. */
  unusedSince?: Date | undefined
  /** true: never used; false: used at least once. */
  neverUsed?: boolean | undefined
  expiresBefore?: Date | undefined
  /** JWTs with an id from the first to the second value (inclusive): those issued while a key signed. */
  signed?: readonly [string, string] | undefined
}

/** A filter as the input of an operation, which is stored as JSON. */
export function toInput({ userId, clientId, scope, signed, ...rest }: BulkFilter): Input {
  return {
    ...(userId !== undefined && { user: userId }),
    ...(clientId !== undefined && { client: clientId }),
    ...(scope !== undefined && { scope }),
    ...(rest.createdBefore && { created_before: rest.createdBefore.toISOString() }),
    ...(rest.unusedSince && { unused_since: rest.unusedSince.toISOString() }),
    ...(rest.neverUsed !== undefined && { never_used: String(rest.neverUsed) }),
    ...(rest.expiresBefore && { expires_before: rest.expiresBefore.toISOString() }),
    ...(signed && { signed_from: signed[0], signed_to: signed[1] }),
  }
}

const CONDITIONS = new Set([
  'user',
  'client',
  'scope',
  'created_before',
  'unused_since',
  'never_used',
  'expires_before',
  'signed_from',
  'signed_to',
])

/** Whether every condition of an input is known: without one of them, a revocation would include other tokens. */
export const understandsInput = (input: Input): boolean => Object.keys(input).every(name => CONDITIONS.has(name))

export function fromInput({ user, client, scope, never_used, signed_from, signed_to, ...input }: Input): BulkFilter {
  const time = (text: string | undefined) => (text === undefined ? undefined : new Date(text))
  return {
    userId: user,
    clientId: client,
    scope,
    createdBefore: time(input.created_before),
    unusedSince: time(input.unused_since),
    neverUsed: never_used === undefined ? undefined : never_used === 'true',
    expiresBefore: time(input.expires_before),
    signed: signed_from === undefined || signed_to === undefined ? undefined : [signed_from, signed_to],
  }
}

/** @returns the filter @throws 422 if it has no condition */
export function requireCondition(filter: BulkFilter): BulkFilter {
  if (conditionsOf(filter).length > 0) return filter
  throw invalid({
    path: '',
    message: 'Specify at least one condition: without one, this would revoke every token.',
  })
}

export const live = () => ({ revoked: false, expiresAt: { $gt: new Date() } })

/** The condition of a state. */
export function inState(state: ListState): object {
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

export const toWhere = (filter: BulkFilter) => ({ $and: conditionsOf(filter) }) as FilterQuery<AccessToken>

/** One condition for each value that is not undefined: an empty one, such as the scope `''`, matches nothing instead of everything. */
function conditionsOf({ userId, clientId, scope, createdBefore, signed, ...used }: BulkFilter): object[] {
  const { unusedSince, neverUsed, expiresBefore } = used
  const conditions: object[] = []
  if (userId !== undefined) conditions.push({ user: userId })
  if (clientId !== undefined) conditions.push({ client: clientId })
  if (scope !== undefined) conditions.push({ scopes: { $contains: [scope] } })
  if (createdBefore !== undefined) conditions.push({ createdAt: { $lt: createdBefore } })
  if (expiresBefore !== undefined) conditions.push({ expiresAt: { $lt: expiresBefore } })
  if (neverUsed !== undefined) conditions.push({ lastUsedAt: neverUsed ? null : { $ne: null } })
  if (signed !== undefined) conditions.push({ id: { $gte: signed[0], $lte: signed[1] }, format: 'jwt' })
  if (unusedSince !== undefined) {
    const never = { lastUsedAt: null, createdAt: { $lt: unusedSince } }
    conditions.push({ $or: [{ lastUsedAt: { $lt: unusedSince } }, never] })
  }
  return conditions
}
