import type { FilterQuery } from '@mikro-orm/postgresql'
import { type EventColumns, eventColumns } from '../audit/audit.ts'
import type { Publish } from '../cluster/invalidation-bus.ts'
import type { Em } from '../database/database.ts'
import { BATCH_SIZE, type Batch } from '../database/run-batches.ts'
import { AccessToken } from './token.entity.ts'

/** A token that somebody wants revoked, as the database's functions read it. */
export interface RevocationRequest extends EventColumns {
  id: string
  /** Given: only if it is a personal token of this user, issued under this client and not by an exchange. */
  user_id: string | null
  client_id: string | null
}

/** Whose personal token it has to be. */
export interface PersonalTokenOwner {
  user: string
  client: string
}

/** Asked for by whoever acts now. */
export function toRevocationRequest(id: string, of?: PersonalTokenOwner): RevocationRequest {
  return { ...eventColumns(), id: id.toLowerCase(), user_id: of?.user ?? null, client_id: of?.client ?? null }
}

/** Those that died: the live ones among what was asked for, and what they issued: by exchange, by minting. */
const REVOKE_TOKENS = 'select id from retire_tokens(?, ?)'

/**
 * Revokes every live token that matches, and what those issued, in the transaction of `em`; each is announced and
 * written down.
 * @returns the ids of those that died
 */
export async function revokeTokens(em: Em, publish: Publish, where: FilterQuery<AccessToken>): Promise<string[]> {
  const live = { $and: [where, { revoked: false }] } as FilterQuery<AccessToken>
  const matching = await em.find(AccessToken, live, { fields: ['id'] })
  if (matching.length === 0) return []
  const values = [JSON.stringify(matching.map(({ id }) => toRevocationRequest(id))), new Date().toISOString()]
  const revoked = (await em.execute(REVOKE_TOKENS, values)) as { id: string }[]
  for (const { id } of revoked) publish({ kind: 'token', id })
  return revoked.map(({ id }) => id)
}

/**
 * Revokes the next batch of live tokens that match, and those exchanged for one of them, in the transaction of `em`.
 * @param lastTokenId id of a token that goes last, so that a request that is cut off can be sent again with it
 */
export async function revokeTokenBatch(
  em: Em,
  publish: Publish,
  where: FilterQuery<AccessToken>,
  lastTokenId?: string,
): Promise<Batch> {
  const tokensToKeep = await withParent(em, lastTokenId)
  const rest = {
    $and: [where, { revoked: false, ...(tokensToKeep.length > 0 && { id: { $nin: tokensToKeep } }) }],
  } as FilterQuery<AccessToken>
  const rows = await em.find(AccessToken, rest, { fields: ['id'], orderBy: { id: 'asc' }, limit: BATCH_SIZE + 1 })
  const last = rows.length <= BATCH_SIZE
  const next = [...rows.slice(0, BATCH_SIZE).map(({ id }) => id), ...(last ? tokensToKeep : [])]
  const revoked = await revokeTokens(em, publish, { $and: [where, { id: { $in: next } }] } as FilterQuery<AccessToken>)
  return { count: revoked.length, last }
}

const ABOVE = `
  with recursive above as (
    select id, parent_id, issued_by_id from oauth_access_tokens where id = ?
    union
    select t.id, t.parent_id, t.issued_by_id
    from above a join oauth_access_tokens t on t.id in (a.parent_id, a.issued_by_id)
  )
  select id from above`

/** A token, and those that issued it and would take it along. */
async function withParent(em: Em, id: string | undefined): Promise<string[]> {
  const rows = id === undefined ? [] : ((await em.execute(ABOVE, [id])) as { id: string }[])
  return rows.map(row => row.id)
}
