import type { InvalidationBus, Publish } from '../cluster/invalidation-bus.ts'
import type { Em } from '../database/database.ts'
import { BATCH_SIZE } from '../database/run-batches.ts'
import { PendingStatuses } from './pending.entity.ts'

/** An owner of tokens. */
type Kind = 'user' | 'client'

const COLUMN = { user: 'user_id', client: 'client_id' } as const
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

export interface DeferredEvents {
  close(): Promise<void>
}

export interface DeferredEventsOptions {
  bus: InvalidationBus
  onError: (error: unknown) => void
}

/**
 * Writes deferred status events in the background, one batch per transaction, so that the lock for sequence numbers is
 * held only briefly. Every node does so at its start and whenever a user or client changes: if one stops halfway, another
 * node continues.
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

  bus.subscribe(({ kind }) => {
    if (kind !== 'token' && kind !== 'keys') start()
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
  const exchanged = kind === 'client' ? await idsOf(em, EXCHANGED, [JSON.stringify(owned)]) : []
  for (const token of new Set([...owned, ...exchanged])) publish({ kind: 'token', id: token })
  return true
}

async function idsOf(em: Em, sql: string, values: unknown[]): Promise<string[]> {
  return ((await em.execute(sql, values)) as { id: string }[]).map(({ id }) => id)
}

const OWNED = (kind: Kind) =>
  `select id from oauth_access_tokens where ${COLUMN[kind]} = ? and not revoked and id > ? order by id limit ?`

/** Tokens that were exchanged for these, by another client: they are revoked with the token they were exchanged for. */
const EXCHANGED = `
  select id from oauth_access_tokens
  where parent_id in (select jsonb_array_elements_text(?::jsonb)::uuid) and not revoked`

/** Starts from the first token again, since the status has changed again. */
const DEFER = `
  insert into oauth_pending_statuses (id, kind, after) values (?, ?, ?)
  on conflict (id) do update set after = excluded.after`

const NEXT = 'select id, kind, after from oauth_pending_statuses order by id limit 1 for update skip locked'
