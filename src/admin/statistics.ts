import { v7 as uuid } from 'uuid'
import type { Database } from '../database/database.ts'

/** How many days back, and for what expires how many ahead. */
export const SPANS = [30, 90] as const
export type Span = (typeof SPANS)[number]

/** What happened on one day, which begins at midnight UTC. */
export interface Day {
  /** Midnight UTC. */
  at: Date
  /** Access tokens that were issued, by a refresh too. */
  issued: number
  revoked: number
  /** Sign-ins with a wrong password or an unknown user. */
  failedSignIns: number
  /** Neither revoked nor expired when the day ended; on the last day: now. Pruned tokens are not counted. */
  live: number
}

export interface Statistics {
  /** The oldest first; the last one is today. */
  days: Day[]
  /** How many live tokens expire in each of the next periods of 24 hours. */
  expiring: number[]
}

/** Statistics of the deployment, at most a minute old. */
export type ReadStatistics = (span: Span) => Promise<Statistics>

const DAY_MS = 86_400_000
const CACHE_MS = 60_000

export function createStatistics(db: Database): ReadStatistics {
  const cache = new Map<Span, { until: number; figures: Promise<Statistics> }>()

  return span => {
    const found = cache.get(span)
    if (found && found.until > Date.now()) return found.figures
    const entry = { until: Date.now() + CACHE_MS, figures: readStatistics(db, span) }
    cache.set(span, entry)
    // Current callers get the error; the next call tries again.
    entry.figures.catch(() => cache.delete(span))
    return entry.figures
  }
}

async function readStatistics(db: Database, span: Span): Promise<Statistics> {
  const now = new Date()
  const from = new Date(Math.floor(now.getTime() / DAY_MS) * DAY_MS - (span - 1) * DAY_MS)
  const [eventCounts, tokenCounts] = await Promise.all([countEvents(db, from), countTokens(db, from, now, span)])
  const count = (day: number, ...kinds: string[]) =>
    sum(eventCounts.filter(row => row.day === day && kinds.includes(row.kind)))
  const days = Array.from({ length: span }, (_, day) => ({
    at: new Date(from.getTime() + day * DAY_MS),
    issued: count(day, 'token.issued', 'token.refreshed'),
    revoked: count(day, 'token.revoked'),
    failedSignIns: count(day, 'sign_in.failed'),
    live: sum(tokenCounts.filter(({ created, ended }) => created <= day && ended > day)),
  }))
  const expiring = Array.from({ length: span }, (_, i) => sum(tokenCounts.filter(({ ended }) => ended === span + i)))
  return { days, expiring }
}

const sum = (rows: readonly { count: number }[]) => rows.reduce((total, { count }) => total + count, 0)

interface EventCount {
  day: number
  kind: string
  count: number
}

/** Ids are UUIDv7, so the index on kind and id finds those of the span. Ending a grant says so of each token too. */
function countEvents(db: Database, from: Date): Promise<EventCount[]> {
  const first = uuid({ msecs: from.getTime(), random: new Uint8Array(16), seq: 0 })
  return db.query<EventCount>(
    `select floor(extract(epoch from at - ?::timestamptz) / 86400)::int as day, kind, count(*)::int as count
     from audit_events
     where kind in ('token.issued', 'token.refreshed', 'token.revoked', 'sign_in.failed') and id >= ?::uuid
       and (kind = 'sign_in.failed' or token_id is not null)
     group by 1, 2`,
    [from.toISOString(), first],
  )
}

/** Days are counted from the first of the span. */
interface TokenCount {
  /** 0 for all tokens created before the span. */
  created: number
  /** From `span` on: still live, and how many times 24 hours after now it expires; at most twice the span. */
  ended: number
  count: number
}

function countTokens(db: Database, from: Date, now: Date, span: Span): Promise<TokenCount[]> {
  return db.query<TokenCount>(
    `select floor(extract(epoch from greatest(created_at, t.first) - t.first) / 86400)::int as created,
       case when ended > t.now
         then ? + least(floor(extract(epoch from ended - t.now) / 86400), ?)
         else floor(extract(epoch from ended - t.first) / 86400) end::int as ended,
       count(*)::int as count
     from (
       select created_at, case when revoked then least(updated_at, expires_at) else expires_at end as ended,
         b.first, b.now
       from oauth_access_tokens, (select ?::timestamptz as first, ?::timestamptz as now) b
       where expires_at > b.first and (not revoked or updated_at > b.first)
     ) t
     group by 1, 2`,
    [span, span, from.toISOString(), now.toISOString()],
  )
}
