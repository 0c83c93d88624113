import type { Database } from '../database/database.ts'
import type { ReaderPosition } from './node.entity.ts'

/** The state of a node at its last heartbeat. Times are in milliseconds. */
export interface NodeState {
  id: string
  name: string
  sequence: number
  /** Number of status changes that it has not received yet. */
  behind: number
  /** From the start of the last change's transaction until the node received the change; null: it has started since. */
  latencyMs: number | null
  /** false: it receives no notifications and queries the database for every token. */
  connected: boolean
  /** Since its last heartbeat. */
  silentMs: number
  readers: ReaderPosition[]
}

/** Which nodes have received the newest status change. */
export interface ClusterStatus {
  /** null: no status has changed lately. */
  newest: { sequence: number; at: Date } | null
  nodes: NodeState[]
  /** Number of nodes that have received the newest change, and after how many milliseconds the slowest of them did. */
  seenBy: number
  latencyMs: number | null
}

/** Seconds without a heartbeat after which a node counts as stopped. The heartbeat interval is one second. */
const NODE_TIMEOUT_SECONDS = 5

export async function readClusterStatus(db: Database): Promise<ClusterStatus> {
  const [last] = await db.query<{ sequence: number | string; at: Date | string }>(
    'select sequence, at from oauth_status_events order by sequence desc limit 1',
  )
  const rows = await db.query<Row>(NODES, [NODE_TIMEOUT_SECONDS])
  const newest = last ? { sequence: Number(last.sequence), at: new Date(last.at) } : null
  const nodes = rows.map(row => toState(row, newest?.sequence ?? 0))
  const upToDate = nodes.filter(node => node.behind === 0)
  const times = upToDate.flatMap(({ latencyMs }) => latencyMs ?? [])
  return { newest, nodes, seenBy: upToDate.length, latencyMs: times.length > 0 ? Math.max(...times) : null }
}

interface Row {
  id: string
  name: string
  sequence: number | string
  connected: boolean
  readers: ReaderPosition[]
  latency_ms: number | null
  silent_ms: number
}

const toState = ({ latency_ms, silent_ms, ...row }: Row, newest: number): NodeState => ({
  ...row,
  sequence: Number(row.sequence),
  behind: Math.max(0, newest - Number(row.sequence)),
  latencyMs: latency_ms === null ? null : Math.max(0, Number(latency_ms)),
  silentMs: Number(silent_ms),
})

const NODES = `
  select n.id, n.name, n.sequence, n.hearing as connected, n.readers,
    (extract(epoch from n.reached_at - e.at) * 1000)::float8 as latency_ms,
    (extract(epoch from clock_timestamp() - n.seen_at) * 1000)::float8 as silent_ms
  from nodes n left join oauth_status_events e on e.sequence = n.sequence
  where n.seen_at > clock_timestamp() - ? * interval '1 second'
  order by n.id`
