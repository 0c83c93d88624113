import type { StatusChange } from '../../packages/guard/src/event-stream.ts'
import type { Status } from '../../packages/guard/src/status-bits.ts'
import type { AffectedStatuses, PublishedChange } from '../cluster/invalidation-bus.ts'
import type { Database, Em } from '../database/database.ts'
import { takeLock } from '../database/locks.ts'
import { hasAdminScopeSql } from '../scopes/admin.ts'
import { deferEvents } from './deferred-events.ts'

/** What the issuer says of a token now, from its row, its client's, its user's, and the one it was exchanged for. */
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
 * Writes a status event for each token whose status a change affects, in the transaction of the change itself. A change
 * that affects none, such as a new name, takes no lock and reads no token. The events of users and clients with very many
 * tokens are written soon after (`startDeferredEvents`): the issuer refuses those tokens at once all the same.
 */
export async function writeStatusEvents(em: Em, published: readonly PublishedChange[]): Promise<void> {
  const ids = (kind: 'token' | 'user' | 'client', affects: AffectedStatuses = 'status') => [
    ...new Set(published.flatMap(a => (a.change.kind === kind && a.affects === affects ? [a.change.id] : []))),
  ]
  const tokens = ids('token')
  const users = await deferEvents(em, 'user', ids('user'))
  const clients = await deferEvents(em, 'client', ids('client'))
  const demoted = await markDemotedTokens(em, ids('user', 'role'))
  const groups = [
    [WITH_ID, [...tokens, ...demoted]],
    [OF_PARENT, demoted],
    [OF_USER, users],
    [OF_CLIENT, clients],
    [OF_PARENTS_CLIENT, clients],
  ] as const
  if (groups.every(([, ids]) => ids.length === 0)) return
  await takeLock(em, 'statusEvents')
  for (const [where, ids] of groups) if (ids.length > 0) await em.execute(INSERT_WHERE(where), [JSON.stringify(ids)])
}

/** @returns the tokens that say more than their user may have now */
async function markDemotedTokens(em: Em, users: readonly string[]): Promise<string[]> {
  if (users.length === 0) return []
  const rows = (await em.execute(MARK_DEMOTED_TOKENS, [JSON.stringify(users)])) as { id: string }[]
  return rows.map(({ id }) => id)
}

/** Who is an administrator no more: what the tokens say of `admin:*` is no longer so. */
const MARK_DEMOTED_TOKENS = `
  update oauth_access_tokens t set changed = true from users u
  where u.id = t.user_id and t.user_id in (select jsonb_array_elements_text(?::jsonb)::uuid)
    and u.role <> 'admin' and not t.revoked and not t.changed
    and ${hasAdminScopeSql('t.scopes')}
  returning t.id`

const IDS = '(select jsonb_array_elements_text(?::jsonb)::uuid)'

/** What is revoked stays so: the partial indexes on live tokens serve all but the first two. */
const WITH_ID = `t.id in ${IDS}`
const OF_PARENT = `t.parent_id in ${IDS} and not t.revoked`
const OF_USER = `t.user_id in ${IDS} and not t.revoked`
const OF_CLIENT = `t.client_id in ${IDS} and not t.revoked`
const OF_PARENTS_CLIENT = `p.client_id in ${IDS} and not p.revoked and not t.revoked`

const INSERT_WHERE = (where: string) => `
  insert into oauth_status_events (status_list, status_index, status, at)
  select t.status_list, t.status_index, ${STATUS_SQL}, now() ${JOINS}
  where ${where}
    and t.status_list is not null and t.expires_at > now()`

/** Events that are read at once: where there are fewer, these are all. */
export const MAX_EVENTS = 10_000

/** Changes after a sequence number, in their order. */
export async function readStatusEvents(db: Database, after: number, limit = MAX_EVENTS): Promise<StatusChange[]> {
  const rows = await db.query<StatusChange & { sequence: number | string }>(
    `select sequence, status_list as list, status_index as index, status
     from oauth_status_events where sequence > ? order by sequence limit ?`,
    [after, limit],
  )
  return rows.map(row => ({ ...row, sequence: Number(row.sequence) }))
}

/** Live tokens of what stands in `from`, by an index. */
const liveTokensOf = (column: string, from: string, alias: string) =>
  `lateral (select id from oauth_access_tokens where ${column} = ${from}.id and not revoked offset 0) ${alias}`

/** Few tokens have a status that is not 0, and each kind of them is found by an index. */
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

/** The planner thinks that it is many, and would read the table of tokens from end to end, twice. */
const BY_INDEX = `
  select ${['seqscan', 'hashjoin', 'mergejoin'].map(way => `set_config('enable_${way}', 'off', true)`).join(', ')},
    set_config('jit', 'off', true)`

/** Every status of a live token that is not 0, in the transaction of `em`. */
export async function readStatuses(em: Em): Promise<{ list: number; index: number; status: Status }[]> {
  await em.execute(BY_INDEX)
  return (await em.execute(STATUSES)) as { list: number; index: number; status: Status }[]
}
