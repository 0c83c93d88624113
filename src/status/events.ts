import type { StatusChange } from '../../packages/guard/src/event-stream.ts'
import type { Status } from '../../packages/guard/src/status-bits.ts'
import type { AffectedStatuses, PublishedChange } from '../cluster/invalidation-bus.ts'
import type { Database, Em } from '../database/database.ts'
import { takeLock } from '../database/locks.ts'
import { deferEvents, deferExchanged, liveTokensOfOwners } from './deferred-events.ts'
import { markDemotedTokens } from './demoted-tokens.ts'

/** The current status of a token, from its row, its client, its user and the token that it was exchanged for. */
const STATUS_SQL = `
  case
    when t.revoked or c.revoked or p.revoked or pc.revoked then 1
    when t.suspended or p.suspended or u.disabled_at is not null then 2
    when t.changed or p.changed then 3
    else 0
  end`

const JOINS = `
  from oauth_access_tokens t
  join oauth_clients c on c.id = t.client_id
  left join users u on u.id = t.user_id
  left join oauth_access_tokens p on p.id = t.parent_id
  left join oauth_clients pc on pc.id = p.client_id`

/**
 * Writes a status event for each token whose status a change affects, in the transaction of the change. A change that
 * affects no status, such as a new name, takes no lock and reads no tokens. The events of users and clients with very many
 * tokens, and of tokens that very many were exchanged for, are written shortly after (`startDeferredEvents`); the issuer
 * itself rejects those tokens at once.
 */
export async function writeStatusEvents(em: Em, published: readonly PublishedChange[]): Promise<void> {
  const ids = (kind: 'token' | 'user' | 'client', affects: AffectedStatuses = 'status') => [
    ...new Set(published.flatMap(a => (a.change.kind === kind && a.affects === affects ? [a.change.id] : []))),
  ]
  const tokens = ids('token')
  const revoked = ids('token', 'revoked')
  const users = await deferEvents(em, 'user', ids('user'))
  const clients = await deferEvents(em, 'client', ids('client'))
  const demoted = await markDemotedTokens(em, 'user_id', await deferEvents(em, 'role', ids('user', 'role')))
  const ofClients = await liveTokensOfOwners(em, 'client', clients)
  const parents = await deferExchanged(em, [...new Set([...withExchanged(published), ...demoted, ...ofClients])])
  const groups = [
    [WITH_ID, [...tokens, ...demoted]],
    [OF_PARENT, parents],
    [OF_USER, users],
    [OF_CLIENT, clients],
  ] as const
  if (revoked.length === 0 && groups.every(([, ids]) => ids.length === 0)) return
  await takeLock(em, 'statusEvents')
  if (revoked.length > 0) await em.execute(INSERT_REVOKED, [JSON.stringify(revoked)])
  for (const [where, ids] of groups) if (ids.length > 0) await em.execute(INSERT_WHERE(where), [JSON.stringify(ids)])
}

/** Tokens that were published together with those exchanged for them. */
const withExchanged = (published: readonly PublishedChange[]): string[] =>
  published.flatMap(({ change }) => (change.kind === 'token' && change.exchanged ? [change.id] : []))

const IDS = '(select jsonb_array_elements_text(?::jsonb)::uuid)'

/** Revoked tokens are excluded, as they stay revoked; so all but the first use partial indexes on live tokens. */
const WITH_ID = `t.id in ${IDS}`
const OF_PARENT = `t.parent_id in ${IDS} and not t.revoked`
const OF_USER = `t.user_id in ${IDS} and not t.revoked`
const OF_CLIENT = `t.client_id in ${IDS} and not t.revoked`

const INSERT_WHERE = (where: string) => `
  insert into oauth_status_events (status_list, status_index, status, at)
  select t.status_list, t.status_index, ${STATUS_SQL}, now() ${JOINS}
  where ${where}
    and t.status_list is not null and t.expires_at > now()`

/**
 * A revoked token has this status whatever else it is, so no other row is read. `offset 0` keeps it a look-up by id: while many
 * are being revoked, the planner still believes that hardly any are, and would go through all of them for each id.
 */
const INSERT_REVOKED = `
  insert into oauth_status_events (status_list, status_index, status, at)
  select t.status_list, t.status_index, 1, now()
  from jsonb_array_elements_text(?::jsonb) as asked (id) cross join lateral (
    select status_list, status_index, revoked, expires_at from oauth_access_tokens where id = asked.id::uuid offset 0
  ) t
  where t.revoked and t.status_list is not null and t.expires_at > now()`

/** Maximum number of events of one read; a read that returns fewer has reached the end. */
export const MAX_EVENTS = 10_000

/** Status changes after a sequence number, in order. */
export async function readStatusEvents(db: Database, after: number, limit = MAX_EVENTS): Promise<StatusChange[]> {
  const rows = await db.query<StatusChange & { sequence: number | string }>(
    `select sequence, status_list as list, status_index as index, status
     from oauth_status_events where sequence > ? order by sequence limit ?`,
    [after, limit],
  )
  return rows.map(row => ({ ...row, sequence: Number(row.sequence) }))
}

/** A lateral join to the live tokens of the rows of `from`; `offset 0` keeps it an index look-up. */
const liveTokensOf = (column: string, from: string, alias: string) =>
  `lateral (select id from oauth_access_tokens where ${column} = ${from}.id and not revoked offset 0) ${alias}`

/** Few tokens have a non-zero status, and an index finds each kind of them. */
const STATUSES = `
  with found as materialized (
    select id from oauth_access_tokens where revoked or suspended or changed
    union select t.id from users u, ${liveTokensOf('user_id', 'u', 't')} where u.disabled_at is not null
    union select t.id from oauth_clients c, ${liveTokensOf('client_id', 'c', 't')} where c.revoked
    union select t.id from oauth_access_tokens p, ${liveTokensOf('parent_id', 'p', 't')} where p.suspended or p.changed
    union select t.id from oauth_clients c, ${liveTokensOf('client_id', 'c', 'p')}, ${liveTokensOf('parent_id', 'p', 't')}
      where c.revoked
  )
  select t.status_list as list, t.status_index as index, ${STATUS_SQL} as status ${JOINS}
  where t.id in (select id from found) and t.expires_at > now()
  union all
  select status_list, status_index, 1 from oauth_pruned_statuses where expires_at > now()`

/** The planner overestimates their number, and would scan the whole table of tokens twice. */
const BY_INDEX = `
  select ${['seqscan', 'hashjoin', 'mergejoin'].map(way => `set_config('enable_${way}', 'off', true)`).join(', ')},
    set_config('jit', 'off', true)`

/** Every non-zero status of a live token, in the transaction of `em`. */
export async function readStatuses(em: Em): Promise<{ list: number; index: number; status: Status }[]> {
  await em.execute(BY_INDEX)
  return (await em.execute(STATUSES)) as { list: number; index: number; status: Status }[]
}
