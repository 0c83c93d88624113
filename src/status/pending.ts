import type { Announce, Changes } from '../cluster/changes.ts'
import type { Em } from '../database/database.ts'
import { BATCH } from '../database/in-time.ts'
import { PendingStatuses } from './pending.entity.ts'

/** Whoever owns tokens. */
type Kind = 'user' | 'client'

const COLUMN = { user: 'user_id', client: 'client_id' } as const
const FIRST = '00000000-0000-0000-0000-000000000000'
/** Milliseconds after a failure. */
const AGAIN_MS = 5_000

/**
 * Leaves the status events of those who own more live tokens than one transaction may write to `startPending`, in the
 * transaction of `em`.
 * @returns those who own few
 */
export async function postpone(em: Em, kind: Kind, ids: readonly string[]): Promise<string[]> {
  const few: string[] = []
  for (const id of ids) {
    const rows = await em.execute(OWNED(kind), [id, FIRST, BATCH + 1])
    if ((rows as unknown[]).length <= BATCH) few.push(id)
    else await em.execute(POSTPONE, [id, kind, FIRST])
  }
  return few
}

export interface Pending {
  close(): Promise<void>
}

export interface PendingOptions {
  changes: Changes
  onError: (error: unknown) => void
}

/**
 * Writes the status events that were postponed, a batch to a transaction, so that the lock that numbers events is never
 * held for long. Each server does, at its start and whenever a user or client changes: what one leaves undone, another
 * or the next start goes on with.
 */
export function startPending({ changes, onError }: PendingOptions): Pending {
  let closed = false
  let again = false
  let working: Promise<void> | undefined
  let timer: NodeJS.Timeout | undefined

  async function work(): Promise<void> {
    do again = false
    while (!closed && ((await changes.transaction(writeBatch)) || again))
  }

  function start(): void {
    if (closed) return
    again = true
    working ??= work()
      .catch(error => {
        if (closed) return
        onError(error)
        timer = setTimeout(start, AGAIN_MS).unref()
      })
      .finally(() => {
        working = undefined
      })
  }

  changes.subscribe(({ kind }) => {
    if (kind !== 'token' && kind !== 'keys') start()
  })
  start()
  return {
    async close() {
      closed = true
      clearTimeout(timer)
      await working
    },
  }
}

/** @returns false: nothing is pending, or others are at it */
async function writeBatch(em: Em, announce: Announce): Promise<boolean> {
  const [pending] = (await em.execute(NEXT)) as PendingStatuses[]
  if (!pending) return false
  const { id, kind, after } = pending
  const owned = await idsOf(em, OWNED(kind), [id, after, BATCH])
  const last = owned.at(-1)
  if (last === undefined || owned.length < BATCH) await em.nativeDelete(PendingStatuses, { id })
  else await em.nativeUpdate(PendingStatuses, { id }, { after: last })
  const exchanged = kind === 'client' ? await idsOf(em, EXCHANGED, [JSON.stringify(owned)]) : []
  for (const token of new Set([...owned, ...exchanged])) announce({ kind: 'token', id: token })
  return true
}

async function idsOf(em: Em, sql: string, values: unknown[]): Promise<string[]> {
  return ((await em.execute(sql, values)) as { id: string }[]).map(({ id }) => id)
}

const OWNED = (kind: Kind) =>
  `select id from oauth_access_tokens where ${COLUMN[kind]} = ? and not revoked and id > ? order by id limit ?`

/** Their owner's client is another one, and they die with the token that they were exchanged for. */
const EXCHANGED = `
  select id from oauth_access_tokens
  where parent_id in (select jsonb_array_elements_text(?::jsonb)::uuid) and not revoked`

/** From the beginning, since the status has changed again. */
const POSTPONE = `
  insert into oauth_pending_statuses (id, kind, after) values (?, ?, ?)
  on conflict (id) do update set after = excluded.after`

const NEXT = 'select id, kind, after from oauth_pending_statuses order by id limit 1 for update skip locked'
