import { setTimeout as sleep } from 'node:timers/promises'
import { MAX, NIL } from 'uuid'
import type { Database } from '../database/database.ts'

export interface PruneOptions {
  revoked: boolean
  expired: boolean
  /** Rows that have been dead for at least this long. */
  hours: number
  /** Seconds that a rotated refresh token repeats its answer; answers that are older are forgotten. Omitted: none are. */
  refreshGrace?: number
  /** Called after each batch with all that was deleted so far. */
  onProgress?: (deleted: number) => void
  batch?: number
}

/** What else expires. */
const EXPIRING_TABLES = [
  'oauth_refresh_tokens',
  'oauth_auth_codes',
  'oauth_device_codes',
  'oauth_pushed_requests',
  'oauth_used_assertions',
  'oauth_pruned_statuses',
  'oauth_status_lists',
  'sessions',
]
/** Whoever follows the feed and was away for longer loads the lists instead. */
const EVENTS_KEPT_HOURS = 24

interface DeadRows {
  table: string
  /** When they died. */
  column: string
  before: string
}

/**
 * Deletes dead tokens in batches, each its own short transaction, so that checks go on meanwhile; with the expired ones
 * go expired codes, refresh tokens, sessions and the like. A row that is dead stays so: no node has to hear of it.
 * @returns how many access tokens it deleted
 */
export async function prune(db: Database, options: PruneOptions): Promise<number> {
  const { revoked, expired, hours, refreshGrace, onProgress = () => {}, batch = 10_000 } = options
  const before = ago(hours * 3_600)
  let deleted = 0
  const count = (more: number) => {
    deleted += more
    onProgress(deleted)
  }
  const dead = (table: string) => ({ table, column: 'expires_at', before })
  if (expired) await expiredTokens(db, before, batch, count)
  if (revoked) await repeatUntilPartial(batch, () => deleteRevoked(db, before, batch), count)
  const oldEvents = { table: 'oauth_status_events', column: 'at', before: ago(EVENTS_KEPT_HOURS * 3_600) }
  if (expired) await repeatUntilPartial(batch, () => deleteBatch(db, oldEvents, batch))
  if (expired)
    for (const table of EXPIRING_TABLES) await repeatUntilPartial(batch, () => deleteBatch(db, dead(table), batch))
  if (refreshGrace !== undefined) await repeatUntilPartial(batch, () => deleteReplays(db, ago(refreshGrace), batch))
  return deleted
}

/** Whoever asks a little late is still told that it expired. */
const SWEEP_AFTER_SECONDS = 3_600
/** More than the one row that is added. */
const SWEEP_BATCH = 10

/**
 * Takes away a few rows that expired an hour ago or before; for whoever adds one because anybody asked, so that they
 * never pile up, even where nobody prunes.
 */
export async function sweep(db: Database, table: 'oauth_device_codes' | 'oauth_pushed_requests'): Promise<void> {
  const expired = { table, column: 'expires_at', before: ago(SWEEP_AFTER_SECONDS) }
  await deleteBatch(db, expired, SWEEP_BATCH)
}

const ago = (seconds: number) => new Date(Date.now() - seconds * 1000).toISOString()

/** Until a batch is not full. */
const repeatUntilPartial = (size: number, work: () => Promise<number>, count: (rows: number) => void = () => {}) =>
  withPauses(async () => {
    const rows = await work()
    count(rows)
    return rows === size
  })

/**
 * Step after step; between two the database has as long a rest as the last one took, for those whom it has to answer.
 * @param step tells whether there is more to do
 */
async function withPauses(step: () => Promise<boolean>): Promise<void> {
  for (;;) {
    const start = performance.now()
    if (!(await step())) return
    await sleep(performance.now() - start)
  }
}

/**
 * Few rows go in the order of expiry. Many go in the order of their ids, which is that in which they were issued and so
 * nearly that in which they lie: a batch reads and writes the pages beside each other, where one in the order of expiry
 * would touch a page for each row. No statement looks at more than `SPAN` batches of rows for it.
 */
async function expiredTokens(db: Database, before: string, batch: number, count: (rows: number) => void) {
  const expired = { table: TOKENS, column: 'expires_at', before }
  if (!(await hasMany(db, before, batch * SPAN)))
    return repeatUntilPartial(batch, () => deleteBatch(db, expired, batch), count)
  let last: string | undefined = NIL
  return withPauses(async () => {
    const gone = await deleteAfter(db, before, last as string, batch)
    count(gone.count)
    last = gone.last
    return last !== undefined
  })
}

const TOKENS = 'oauth_access_tokens'
const SPAN = 10

async function hasMany(db: Database, before: string, many: number): Promise<boolean> {
  const [row] = await db.query<{ count: number }>(
    'select count(*)::int as count from (select from oauth_access_tokens where expires_at < ? limit ?) expired',
    [before, many],
  )
  return row?.count === many
}

/** @returns how many, and the id to go on after; undefined at the end of the table */
async function deleteAfter(db: Database, before: string, last: string, batch: number) {
  const [row] = await db.query<{ count: number; deleted: string | null; seen: string | null }>(
    `with span as (select (select id from oauth_access_tokens where id > ? order by id offset ? limit 1) as last),
     gone as (
       delete from oauth_access_tokens where ctid = any(array(
         select ctid from oauth_access_tokens
         where expires_at < ? and id > ? and id <= coalesce((select last from span), ?)
         order by id limit ? for update skip locked
       )) returning id
     ) select (select count(*)::int from gone) as count, (select max(id::text collate "C") from gone) as deleted,
       (select last from span) as seen`,
    [last, batch * SPAN, before, last, MAX, batch],
  )
  const { count = 0, deleted = null, seen = null } = row ?? {}
  return { count, last: (count === batch ? deleted : seen) ?? undefined }
}

/**
 * A locked row stays where it is, so its place finds it, whatever its key. As an array the places are looked up one by
 * one; joined, PostgreSQL may read the whole table for each batch instead.
 */
async function deleteBatch(db: Database, { table, column, before }: DeadRows, batch: number): Promise<number> {
  const [row] = await db.query<{ count: number }>(
    `with gone as (
       delete from ${table} where ctid = any(array(
         select ctid from ${table} where ${column} < ?
         order by ${column} limit ? for update skip locked
       )) returning 1
     ) select count(*)::int as count from gone`,
    [before, batch],
  )
  return row?.count ?? 0
}

/** A text that has not expired still verifies: for whoever checks it offline its place in the lists stays revoked. */
async function deleteRevoked(db: Database, before: string, batch: number): Promise<number> {
  const [row] = await db.query<{ count: number }>(
    `with gone as (
       delete from oauth_access_tokens where ctid = any(array(
         select ctid from oauth_access_tokens where revoked and updated_at < ?
         order by updated_at limit ? for update skip locked
       )) returning status_list, status_index, expires_at
     ), kept as (
       insert into oauth_pruned_statuses (status_list, status_index, expires_at)
       select status_list, status_index, expires_at from gone where expires_at > now()
       on conflict do nothing
     ) select count(*)::int as count from gone`,
    [before, batch],
  )
  return row?.count ?? 0
}

async function deleteReplays(db: Database, before: string, batch: number): Promise<number> {
  const [row] = await db.query<{ count: number }>(
    `with gone as (
       update oauth_refresh_tokens set replay = null where ctid = any(array(
         select ctid from oauth_refresh_tokens where replay is not null and used_at < ? limit ? for update skip locked
       )) returning 1
     ) select count(*)::int as count from gone`,
    [before, batch],
  )
  return row?.count ?? 0
}

/** How many access tokens a prune would delete. */
export async function countPrunable(db: Database, { revoked, expired, hours }: PruneOptions): Promise<number> {
  const before = new Date(Date.now() - hours * 3_600_000).toISOString()
  const [row] = await db.query<{ count: number }>(
    `select count(*)::int as count from oauth_access_tokens
     where (?::boolean and expires_at < ?) or (?::boolean and revoked and updated_at < ?)`,
    [expired, before, revoked, before],
  )
  return row?.count ?? 0
}
