import type { FilterQuery } from '@mikro-orm/postgresql'
import { type EventColumns, eventColumns } from '../audit/audit.ts'
import type { Announce } from '../cluster/changes.ts'
import type { Em } from '../database/database.ts'
import { BATCH, type Batch } from '../database/in-time.ts'
import { AccessToken } from './token.entity.ts'

/** A token that somebody wants revoked, as the database's functions read it. */
export interface Asked extends EventColumns {
  id: string
  /** Given: only if it is a personal token of this user, issued under this client and not by an exchange. */
  user_id: string | null
  client_id: string | null
}

/** Whose personal token it has to be. */
export interface PersonalOf {
  user: string
  client: string
}

/** Asked for by whoever acts now. */
export function asked(id: string, of?: PersonalOf): Asked {
  return { ...eventColumns(), id: id.toLowerCase(), user_id: of?.user ?? null, client_id: of?.client ?? null }
}

/** Those that died: the live ones among what was asked for, and what they issued: by exchange, by minting. */
const RETIRE = 'select id from retire_tokens(?, ?)'

/**
 * Revokes every live token that matches, and what those issued, in the transaction of `em`; each is announced and
 * written down.
 * @returns the ids of those that died
 */
export async function retire(em: Em, announce: Announce, where: FilterQuery<AccessToken>): Promise<string[]> {
  const live = { $and: [where, { revoked: false }] } as FilterQuery<AccessToken>
  const found = await em.find(AccessToken, live, { fields: ['id'] })
  if (found.length === 0) return []
  const values = [JSON.stringify(found.map(({ id }) => asked(id))), new Date().toISOString()]
  const dead = (await em.execute(RETIRE, values)) as { id: string }[]
  for (const { id } of dead) announce({ kind: 'token', id })
  return dead.map(({ id }) => id)
}

/**
 * Revokes the next batch of live tokens that match, and those exchanged for one of them, in the transaction of `em`.
 * @param keep id of a token that goes last, so that a request that is cut off can be sent again with it
 */
export async function retireBatch(
  em: Em,
  announce: Announce,
  where: FilterQuery<AccessToken>,
  keep?: string,
): Promise<Batch> {
  const kept = await heldBy(em, keep)
  const rest = {
    $and: [where, { revoked: false, ...(kept.length > 0 && { id: { $nin: kept } }) }],
  } as FilterQuery<AccessToken>
  const rows = await em.find(AccessToken, rest, { fields: ['id'], orderBy: { id: 'asc' }, limit: BATCH + 1 })
  const last = rows.length <= BATCH
  const next = [...rows.slice(0, BATCH).map(({ id }) => id), ...(last ? kept : [])]
  const dead = await retire(em, announce, { $and: [where, { id: { $in: next } }] } as FilterQuery<AccessToken>)
  return { count: dead.length, last }
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
async function heldBy(em: Em, id: string | undefined): Promise<string[]> {
  const rows = id === undefined ? [] : ((await em.execute(ABOVE, [id])) as { id: string }[])
  return rows.map(row => row.id)
}
