import type { InvalidationBus, Publish } from '../cluster/invalidation-bus.ts'
import type { Em } from '../database/database.ts'
import { BATCH_SIZE } from '../database/run-batches.ts'
import { markDemotedTokens } from './demoted-tokens.ts'
import { PendingStatuses } from './pending.entity.ts'

/**
 * Which tokens changed: those of a user, those of a client, those exchanged for a token, or those of a user with scopes that the
 * user may no longer have.
 */
type Kind = PendingStatuses['kind']

const OWNED_BY: Record<Kind, string> = {
  user: 'user_id = ?',
  client: 'client_id = ?',
  parent: 'parent_id = ?',
  role: 'user_id = ?',
}
const FIRST = '00000000-0000-0000-0000-000000000000'
/** Milliseconds to wait after a failure. */
const RETRY_DELAY_MS = 5_000

/**
 * Defers the status events of each owner with more than {@link BATCH_SIZE} live tokens to `startDeferredEvents`, in the
 * transaction of `em`.
 * @returns the other owners, whose events may be written at once
 */
export async function deferEvents(em: Em, kind: Kind, ids: readonly string[]): Promise<string[]> {
  const few: string[] = []
  for (const id of ids) {
    const rows = await em.execute(OWNED(kind), [id, FIRST, BATCH_SIZE + 1])
    if ((rows as unknown[]).length <= BATCH_SIZE) few.push(id)
    else await em.execute(DEFER, [id, kind, FIRST])
  }
  return few
}

/** Ids of the live tokens of owners that have few. */
export async function liveTokensOfOwners(em: Em, kind: Kind, owners: readonly string[]): Promise<string[]> {
  const ids: string[] = []
  for (const owner of owners) ids.push(...(await idsOf(em, OWNED(kind), [owner, FIRST, BATCH_SIZE])))
  return ids
}

/**
 * Defers the status events of what was exchanged for these tokens, where that is more than {@link BATCH_SIZE}.
 * @returns the other tokens
 */
export async function deferExchanged(em: Em, parents: readonly string[]): Promise<string[]> {
  if (parents.length === 0) return []
  const many = new Set(await idsOf(em, WITH_MANY_EXCHANGED, [JSON.stringify(parents), BATCH_SIZE + 1, BATCH_SIZE]))
  for (const id of many) await em.execute(DEFER, [id, 'parent', FIRST])
  return parents.filter(id => !many.has(id))
}

export interface DeferredEvents {
  close(): Promise<void>
}

export interface DeferredEventsOptions {
  bus: InvalidationBus
  onError: (error: unknown) => void
}

/**
 * Writes deferred status events in the background, one batch per transaction, so that the lock for sequence numbers is
 * held only briefly. Every node does so at its start and whenever a user, a client or a token with many exchanged ones
 * changes: if one stops halfway, another node continues.
 */
export function startDeferredEvents({ bus, onError }: DeferredEventsOptions): DeferredEvents {
  let closed = false
  let runAgain = false
  let running: Promise<void> | undefined
  let timer: NodeJS.Timeout | undefined

  async function work(): Promise<void> {
    do runAgain = false
    while (!closed && ((await bus.transaction(writeBatch)) || runAgain))
  }

  function start(): void {
    if (closed) return
    runAgain = true
    running ??= work()
      .catch(error => {
        if (closed) return
        onError(error)
        timer = setTimeout(start, RETRY_DELAY_MS).unref()
      })
      .finally(() => {
        running = undefined
      })
  }

  bus.subscribe(change => {
    if (change.kind === 'keys' || (change.kind === 'token' && !change.exchanged)) return
    start()
  })
  start()
  return {
    async close() {
      closed = true
      clearTimeout(timer)
      await running
    },
  }
}

/** @returns false: no events are pending, or other nodes are writing all of them */
async function writeBatch(em: Em, publish: Publish): Promise<boolean> {
  const [pending] = (await em.execute(NEXT)) as PendingStatuses[]
  if (!pending) return false
  const { id, kind, after } = pending
  const owned = await idsOf(em, OWNED(kind), [id, after, BATCH_SIZE])
  const last = owned.at(-1)
  if (last === undefined || owned.length < BATCH_SIZE) await em.nativeDelete(PendingStatuses, { id })
  else await em.nativeUpdate(PendingStatuses, { id }, { after: last })
  const demoted = kind === 'role' || kind === 'user' ? await markDemotedTokens(em, 'id', owned) : []
  const changed = kind === 'role' ? demoted : owned
  const parents = kind === 'role' || kind === 'client' ? await deferExchanged(em, changed) : []
  const exchanged = await idsOf(em, EXCHANGED, [JSON.stringify(parents)])
  for (const token of new Set([...changed, ...exchanged])) publish({ kind: 'token', id: token })
  return true
}

async function idsOf(em: Em, sql: string, values: unknown[]): Promise<string[]> {
  return ((await em.execute(sql, values)) as { id: string }[]).map(({ id }) => id)
}

const OWNED = (kind: Kind) =>
  `select id from oauth_access_tokens where ${OWNED_BY[kind]} and not revoked and id > ? order by id limit ?`

/** Tokens that were exchanged for these, by another client: they are revoked with the token they were exchanged for. */
const EXCHANGED = `
  select id from oauth_access_tokens
  where parent_id in (select jsonb_array_elements_text(?::jsonb)::uuid) and not revoked`

const WITH_MANY_EXCHANGED = `
  select p.id from (select jsonb_array_elements_text(?::jsonb)::uuid as id) p
  where (select count(*) from
    (select from oauth_access_tokens t where t.parent_id = p.id and not t.revoked limit ?) counted) > ?`

/**
 * Starts from the first token again, since the status has changed again. All tokens of a user include those that a
 * change of the role affects.
 */
const DEFER = `
  insert into oauth_pending_statuses as pending (id, kind, after) values (?, ?, ?)
  on conflict (id) do update set after = excluded.after,
    kind = case when pending.kind = 'user' then 'user' else excluded.kind end`

const NEXT = 'select id, kind, after from oauth_pending_statuses order by id limit 1 for update skip locked'
