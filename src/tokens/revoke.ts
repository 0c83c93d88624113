import type { FilterQuery, QBFilterQuery } from '@mikro-orm/postgresql'
import { type EventColumns, eventColumns } from '../audit/audit.ts'
import type { Publish } from '../cluster/invalidation-bus.ts'
import type { Em } from '../database/database.ts'
import { AccessToken } from './token.entity.ts'

/** A request to revoke a token, in the form that the SQL functions read. */
export interface RevocationRequest extends EventColumns {
  id: string
  /** Not null: only if it is a personal token of this user, issued under this client and not by an exchange. */
  user_id: string | null
  client_id: string | null
  /** Whether the token that replaced it by rotation is revoked too, if it is within its overlap. */
  with_successor: boolean
}

/** The user and the client that a personal token must belong to. */
export interface PersonalTokenOwner {
  user: string
  client: string
}

/** The request of the current actor. */
export function toRevocationRequest(id: string, of?: PersonalTokenOwner, withSuccessor = true): RevocationRequest {
  return {
    ...eventColumns(),
    id: id.toLowerCase(),
    user_id: of?.user ?? null,
    client_id: of?.client ?? null,
    with_successor: withSuccessor,
  }
}

/** Returns the tokens that were revoked: the live ones of the request, and those that are revoked along with them. */
const REVOKE_TOKENS = 'select revoke_token_set(?, ?, ?, ?) as id'

export interface RevokeOptions {
  /** false: a rotation revokes the token, so its successor stays valid. Default true. */
  withSuccessor?: boolean
}

/**
 * Revokes every live token that matches, in the transaction of `em`, and with each what it issued and, within its overlap,
 * its successor. Each is published and written to the audit log.
 * @returns the ids of the revoked tokens
 */
export async function revokeTokens(
  em: Em,
  publish: Publish,
  where: FilterQuery<AccessToken>,
  { withSuccessor = true }: RevokeOptions = {},
): Promise<string[]> {
  const live = { $and: [where, { revoked: false }] } as FilterQuery<AccessToken>
  return revokeTokenIds(em, publish, await selectTokenIds(em, live), { withSuccessor })
}

/** As `revokeTokens`, for tokens that were selected before. */
export async function revokeTokenIds(
  em: Em,
  publish: Publish,
  ids: readonly string[],
  { withSuccessor = true }: RevokeOptions = {},
): Promise<string[]> {
  if (ids.length === 0) return []
  const values = [JSON.stringify(ids), JSON.stringify(eventColumns()), new Date().toISOString(), withSuccessor]
  const revoked = (await em.execute(REVOKE_TOKENS, values)) as { id: string }[]
  for (const { id } of revoked) publish({ kind: 'token', id }, 'revoked')
  return revoked.map(({ id }) => id)
}

/** The ids of the tokens that match, without the entities of the rows, which cost as much as their revocation. */
export async function selectTokenIds(
  em: Em,
  where: FilterQuery<AccessToken>,
  { limit, order = 'asc' }: { limit?: number; order?: 'asc' | 'desc' } = {},
): Promise<string[]> {
  const query = em
    .createQueryBuilder(AccessToken)
    .select('id')
    .where(where as QBFilterQuery<AccessToken>)
    .orderBy({ id: order })
  if (limit !== undefined) query.limit(limit)
  const rows = await query.execute<{ id: string }[]>('all', false)
  return rows.map(({ id }) => id)
}
