import type { Database } from '../database/database.ts'
import type { ReaderPosition } from './node.entity.ts'

/** One node, as it last said. Times are in milliseconds. */
export interface NodeState {
  id: string
  name: string
  sequence: number
  /** Changes that it has not heard of yet. */
  behind: number
  /** From the beginning of the last change that it knows to hearing of it; null: it has started since. */
  seenIn: number | null
  /** false: it asks the database for every token. */
  hearing: boolean
  /** Since its last sign of life. */
  silentFor: number
  readers: ReaderPosition[]
}

/** Who has heard of the newest change. */
export interface ClusterStatus {
  /** null: nothing has changed lately. */
  newest: { sequence: number; at: Date } | null
  nodes: NodeState[]
  /** How many of the nodes know the newest change, and in how many milliseconds the slowest of them heard of it. */
  seenBy: number
  seenIn: number | null
}

/** Seconds without a sign of life after which a node counts as gone. It gives one every second. */
const NODE_TIMEOUT_SECONDS = 5

export async function readClusterStatus(db: Database): Promise<ClusterStatus> {
  const [last] = await db.query<{ sequence: number | string; at: Date | string }>(
    'select sequence, at from oauth_status_events order by sequence desc limit 1',
  )
  const rows = await db.query<Row>(NODES, [NODE_TIMEOUT_SECONDS])
  const newest = last ? { sequence: Number(last.sequence), at: new Date(last.at) } : null
  const nodes = rows.map(row => toState(row, newest?.sequence ?? 0))
  const upToDate = nodes.filter(node => node.behind === 0)
  const times = upToDate.flatMap(({ seenIn }) => seenIn ?? [])
  return { newest, nodes, seenBy: upToDate.length, seenIn: times.length > 0 ? Math.max(...times) : null }
}

interface Row {
  id: string
  name: string
  sequence: number | string
  hearing: boolean
  readers: ReaderPosition[]
  seen_in: number | null
  silent_for: number
}

const toState = ({ seen_in, silent_for, ...row }: Row, newest: number): NodeState => ({
  ...row,
  sequence: Number(row.sequence),
  behind: Math.max(0, newest - Number(row.sequence)),
  seenIn: seen_in === null ? null : Math.max(0, Number(seen_in)),
  silentFor: Number(silent_for),
})

const NODES = `
  select n.id, n.name, n.sequence, n.hearing, n.readers,
    (extract(epoch from n.reached_at - e.at) * 1000)::float8 as seen_in,
    (extract(epoch from clock_timestamp() - n.seen_at) * 1000)::float8 as silent_for
  from nodes n left join oauth_status_events e on e.sequence = n.sequence
  where n.seen_at > clock_timestamp() - ? * interval '1 second'
  order by n.id`
