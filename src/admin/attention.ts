import { v7 as uuid } from 'uuid'
import type { EventKind } from '../audit/event.entity.ts'
import type { Clients } from '../clients/clients.ts'
import type { Database } from '../database/database.ts'
import type { BulkFilter, TokenAdmin } from '../tokens/bulk.ts'

/** Live tokens that somebody should look at. */
export interface TokensToLookAt {
  of: 'expiring' | 'idle' | 'neverUsed'
  count: number
  /** What selects them. */
  filter: BulkFilter
}

/** Who was refused often: the user of failed sign-ins, or the client of the other events. */
export interface RefusedOften {
  kind: (typeof REFUSALS)[number]
  id: string
  count: number
}

export interface Attention {
  tokens: TokensToLookAt[]
  /** Those of each kind with the most refusals. */
  refused: RefusedOften[]
  /** Midnight UTC: refusals are counted from then on. */
  refusedSince: Date
}

/** What needs attention, at most a minute old. */
export type ReadAttention = () => Promise<Attention>

const DAY_MS = 86_400_000
const CACHE_MS = 60_000
const SOON_DAYS = 7
const IDLE_DAYS = 90
const NEVER_USED_DAYS = 30

const REFUSALS = [
  'sign_in.failed',
  'client.authentication_failed',
  'token.reused',
] as const satisfies readonly EventKind[]
/** How many are often. Of each client and address, one failed authentication a minute is recorded. */
const OFTEN: Readonly<Record<RefusedOften['kind'], number>> = {
  'sign_in.failed': 5,
  'client.authentication_failed': 3,
  'token.reused': 1,
}
const MOST = 3

export interface AttentionOptions {
  db: Database
  tokenAdmin: Pick<TokenAdmin, 'count'>
  clients: Pick<Clients, 'personalAccess'>
}

export function createAttention(options: AttentionOptions): ReadAttention {
  let cached: { until: number; attention: Promise<Attention> } | undefined

  return () => {
    if (cached && cached.until > Date.now()) return cached.attention
    const entry = { until: Date.now() + CACHE_MS, attention: readAttention(options) }
    cached = entry
    // Current callers get the error; the next call tries again.
    entry.attention.catch(() => {
      if (cached === entry) cached = undefined
    })
    return entry.attention
  }
}

async function readAttention({ db, tokenAdmin, clients }: AttentionOptions): Promise<Attention> {
  const midnight = Math.floor(Date.now() / DAY_MS) * DAY_MS
  const inDays = (days: number) => new Date(midnight + days * DAY_MS)
  const { id: personal } = await clients.personalAccess()
  const filters: [of: TokensToLookAt['of'], BulkFilter][] = [
    // Tokens that apps get by grants expire every hour, and the apps renew them.
    ['expiring', { clientId: personal, expiresBefore: inDays(SOON_DAYS + 1) }],
    ['idle', { unusedSince: inDays(-IDLE_DAYS) }],
    ['neverUsed', { createdBefore: inDays(-NEVER_USED_DAYS), neverUsed: true }],
  ]
  const tokens = filters.map(async ([of, filter]) => ({ of, filter, count: await tokenAdmin.count(filter) }))
  const refusedSince = inDays(-1)
  const refused = await countRefusals(db, refusedSince)
  return { tokens: await Promise.all(tokens), refused, refusedSince }
}

/** Ids are UUIDv7, so the index on kind and id finds those since then. */
async function countRefusals(db: Database, since: Date): Promise<RefusedOften[]> {
  const first = uuid({ msecs: since.getTime(), random: new Uint8Array(16), seq: 0 })
  const rows = await db.query<RefusedOften>(
    `select kind, case kind when 'sign_in.failed' then user_id else client_id end as id, count(*)::int as count
     from audit_events
     where kind in (${REFUSALS.map(() => '?').join(', ')}) and id >= ?::uuid
     group by 1, 2 having case kind when 'sign_in.failed' then user_id else client_id end is not null
     order by count(*) desc, 2`,
    [...REFUSALS, first],
  )
  return REFUSALS.flatMap(kind => rows.filter(row => row.kind === kind && row.count >= OFTEN[kind]).slice(0, MOST))
}
