import { setTimeout as sleep } from 'node:timers/promises'
import { MAX, NIL } from 'uuid'
import type { Database } from '../database/database.ts'

export interface PruneOptions {
  revoked: boolean
  expired: boolean
  /** Deletes rows that were revoked or expired at least this many hours ago. */
  hours: number
  /** Seconds that a rotated refresh token repeats its response. Older responses are deleted. Default: none are. */
  refreshGrace?: number
  /** Called after each batch with the total number of deleted tokens. */
  onProgress?: (deleted: number) => void
  batch?: number
}

/** Other tables with rows that expire. */
const EXPIRING_TABLES = [
  'oauth_refresh_tokens',
  'oauth_auth_codes',
  'oauth_device_codes',
  'oauth_pushed_requests',
  'oauth_used_assertions',
  'oauth_pruned_statuses',
  'oauth_status_lists',
  // Of open registrations; the others have no expiry.
  'oauth_clients',
  'sessions',
  'user_links',
  'idempotency_keys',
  'used_challenges',
  // Those that have ended.
  'operations',
]
/** A feed reader that was disconnected for longer loads the status lists instead. */
const EVENTS_KEPT_HOURS = 24

interface ExpiredRows {
  table: string
  /** The column with the time of expiry. */
  column: string
  before: string
}

/**
 * Deletes revoked and expired tokens in batches. Each batch is a short transaction, so that checks continue meanwhile. With
 * `expired` it also deletes expired codes, refresh tokens, sessions and similar rows. Deleting such rows changes no status,
 * so nothing is published to other nodes.
 * @returns how many access tokens were deleted
 */
export async function prune(db: Database, options: PruneOptions): Promise<number> {
  const { revoked, expired, hours, refreshGrace, onProgress = () => {}, batch = 10_000 } = options
  const before = ago(hours * 3_600)
  let deleted = 0
  const count = (more: number) => {
    deleted += more
    onProgress(deleted)
  }
  const expiredIn = (table: string) => ({ table, column: 'expires_at', before })
  if (expired) await deleteExpiredTokens(db, before, batch, count)
  if (revoked) await repeatUntilPartial(batch, () => deleteRevoked(db, before, batch), count)
  const oldEvents = { table: 'oauth_status_events', column: 'at', before: ago(EVENTS_KEPT_HOURS * 3_600) }
  if (expired) await repeatUntilPartial(batch, () => deleteBatch(db, oldEvents, batch))
  if (expired)
    for (const table of EXPIRING_TABLES) await repeatUntilPartial(batch, () => deleteBatch(db, expiredIn(table), batch))
  if (refreshGrace !== undefined) await repeatUntilPartial(batch, () => deleteReplays(db, ago(refreshGrace), batch))
  return deleted
}

/** Expired rows are kept for an hour, so that a late request gets "expired" rather than "unknown". */
const SWEEP_AFTER_SECONDS = 3_600
/** Must be more than the one row that each request adds. */
const SWEEP_BATCH = 10

/**
 * Deletes a few rows that expired at least an hour ago. Requests that anyone can make, and that add such a row, call it, so
 * that rows do not accumulate even if `prune` never runs.
 */
export async function sweep(
  db: Database,
  table: 'oauth_device_codes' | 'oauth_pushed_requests' | 'oauth_clients' | 'idempotency_keys',
): Promise<void> {
  const expired = { table, column: 'expires_at', before: ago(SWEEP_AFTER_SECONDS) }
  await deleteBatch(db, expired, SWEEP_BATCH)
}

const ago = (seconds: number) => new Date(Date.now() - seconds * 1000).toISOString()

/** Repeats until a batch is not full. */
const repeatUntilPartial = (size: number, work: () => Promise<number>, count: (rows: number) => void = () => {}) =>
  withPauses(async () => {
    const rows = await work()
    count(rows)
    return rows === size
  })

/**
 * Repeats a step. After each step it pauses for as long as the step took, to leave capacity for other queries.
 * @param step returns whether there is more to do
 */
async function withPauses(step: () => Promise<boolean>): Promise<void> {
  for (;;) {
    const start = performance.now()
    if (!(await step())) return
    await sleep(performance.now() - start)
  }
}

/**
 * Deletes few rows in the order of expiry, many in the order of their ids. Ids are in the order of issue, which is nearly
 * the physical order: a batch then reads and writes adjacent pages, where the order of expiry would touch a page for each
 * row. No statement reads more than `SPAN` batches of rows.
 */
async function deleteExpiredTokens(db: Database, before: string, batch: number, count: (rows: number) => void) {
  const expired = { table: TOKENS, column: 'expires_at', before }
  if (!(await hasMany(db, before, batch * SPAN)))
    return repeatUntilPartial(batch, () => deleteBatch(db, expired, batch), count)
  let last: string | undefined = NIL
  return withPauses(async () => {
    const deleted = await deleteAfter(db, before, last as string, batch)
    count(deleted.count)
    last = deleted.last
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

/** @returns how many were deleted, and the id to continue after; undefined at the end of the table */
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
 * A locked row cannot move, so its `ctid` identifies it in any table. PostgreSQL looks an array of `ctid`s up one by one;
 * with a join it may scan the whole table for each batch.
 */
async function deleteBatch(db: Database, { table, column, before }: ExpiredRows, batch: number): Promise<number> {
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

/** The signature of an unexpired JWT still verifies, so its status must stay revoked for resource servers that check offline. */
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

/** Counts the access tokens that `prune` would delete. */
export async function countPrunable(db: Database, { revoked, expired, hours }: PruneOptions): Promise<number> {
  const before = new Date(Date.now() - hours * 3_600_000).toISOString()
  const [row] = await db.query<{ count: number }>(
    `select count(*)::int as count from oauth_access_tokens
     where (?::boolean and expires_at < ?) or (?::boolean and revoked and updated_at < ?)`,
    [expired, before, revoked, before],
  )
  return row?.count ?? 0
}
