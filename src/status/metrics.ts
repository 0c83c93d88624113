import { STATUS, type Status } from '../../packages/guard/src/status-bits.ts'
import type { InvalidationBus } from '../cluster/invalidation-bus.ts'
import type { Database } from '../database/database.ts'
import type { RegisterMetrics } from '../http/metrics.ts'
import type { Readiness } from '../http/readiness.ts'
import { readClusterStatus } from './cluster-status.ts'
import type { Feed } from './feed.ts'
import type { StatusLists } from './lists.ts'

export interface RevocationMetricsOptions {
  db: Database
  bus: InvalidationBus
  lists: StatusLists
  feed: Feed
  counters: { readonly issued: number }
  requireReady: Readiness
}

/** Maximum number of clients with a series of their own, to bound what Prometheus stores. */
const MAX_CLIENTS = 100
const NAMES = new Map(Object.entries(STATUS).map(([name, status]) => [status, name]))

/** Metrics of this node and of the readers of its feed. They query the database only when they are scraped. */
export const revocationMetrics =
  ({ db, bus, lists, feed, counters, requireReady }: RevocationMetricsOptions): RegisterMetrics =>
  (registry, { Counter, Gauge }) => {
    const registers = [registry]
    const gauge = (name: string, help: string) => new Gauge({ name, help, registers })
    const position = gauge('postern_sequence', 'Sequence number of the last status change that this node has received.')
    const newest = gauge('postern_newest_sequence', 'Sequence number of the last status change in the database.')
    const lag = gauge('postern_lag', 'Status changes in the database that this node has not received.')
    const connected = gauge(
      'postern_listening',
      '0: this node receives no notifications and queries the database for every token.',
    )
    const nodes = gauge('postern_nodes', 'Nodes on a shared database with a heartbeat in the last five seconds.')
    const up = gauge('postern_database_up', '0: the database did not respond; values from it are the last known ones.')
    const ready = gauge('postern_ready', '0: this node is not ready to serve, as /health/ready says.')
    const readers = gauge('postern_feed_readers', 'Readers of the event feed of this node.')
    const reader = new Gauge({
      name: 'postern_feed_reader_sequence',
      help: 'Sequence number of the last status change sent to a client; with several readers, of the slowest one.',
      labelNames: ['client_id'],
      registers,
    })
    const statusChanges = new Counter({
      name: 'postern_status_changes_total',
      help: 'Status changes that this node has received, whichever node made them.',
      labelNames: ['status'],
      registers,
    })
    const issued = new Counter({ name: 'postern_tokens_issued_total', help: 'Tokens issued by this node.', registers })
    const ahead = new Counter({
      name: 'postern_feed_readers_ahead_total',
      help: 'Connections to the feed that began after a status change which the database lacks: it may be a restored backup.',
      registers,
    })
    const isReady = () =>
      requireReady().then(
        () => 1,
        () => 0,
      )
    let counted = 0
    let countedAhead = 0
    const count = (status: Status) => statusChanges.inc({ status: NAMES.get(status) ?? 'unknown' })
    lists.observe(events => {
      for (const { status } of events) count(status)
    })

    // Loads the lists now, so that changes are counted from here on.
    const loaded = lists.catchUp().catch(() => {})
    return async () => {
      await loaded
      const clusterStatus = await readClusterStatus(db).catch(() => undefined)
      up.set(clusterStatus ? 1 : 0)
      if (clusterStatus) newest.set(clusterStatus.newest?.sequence ?? lists.sequence)
      if (clusterStatus) nodes.set(clusterStatus.nodes.length)
      issued.inc(counters.issued - counted)
      counted = counters.issued
      ahead.inc(feed.ahead - countedAhead)
      countedAhead = feed.ahead
      position.set(lists.sequence)
      if (clusterStatus) lag.set(Math.max(0, (clusterStatus.newest?.sequence ?? 0) - lists.sequence))
      ready.set(await isReady())
      connected.set(bus.connected ? 1 : 0)
      readers.set(feed.readers.size)
      reader.reset()
      for (const [client_id, at] of furthestBehind(feed)) reader.set({ client_id }, at)
    }
  }

/** The clients whose readers have received the least, and up to where. */
function furthestBehind(feed: Feed): [client: string, position: number][] {
  const positions = new Map<string, number>()
  for (const { client, position } of feed.readers)
    positions.set(client, Math.min(positions.get(client) ?? position, position))
  if (positions.size <= MAX_CLIENTS) return [...positions]
  return [...positions].sort(([, a], [, b]) => a - b).slice(0, MAX_CLIENTS)
}
