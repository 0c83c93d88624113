import { STATUS, type Status } from '../../packages/guard/src/status-bits.ts'
import type { InvalidationBus } from '../cluster/invalidation-bus.ts'
import type { Database } from '../database/database.ts'
import type { RegisterMetrics } from '../http/metrics.ts'
import { readClusterStatus } from './cluster-status.ts'
import type { Feed } from './feed.ts'
import type { StatusLists } from './lists.ts'

export interface RevocationMetricsOptions {
  db: Database
  bus: InvalidationBus
  lists: StatusLists
  feed: Feed
  counters: { readonly issued: number }
}

/** Clients that are shown by name; what a Prometheus keeps grows with each. */
const MAX_CLIENTS = 100
const NAMES = new Map(Object.entries(STATUS).map(([name, status]) => [status, name]))

/** Where this node and its readers stand. What the database must be asked is asked when somebody looks. */
export const revocationMetrics =
  ({ db, bus, lists, feed, counters }: RevocationMetricsOptions): RegisterMetrics =>
  (registry, { Counter, Gauge }) => {
    const registers = [registry]
    const gauge = (name: string, help: string) => new Gauge({ name, help, registers })
    const position = gauge('postern_sequence', 'The last change of a status that this node has heard of.')
    const newest = gauge('postern_newest_sequence', 'The last change of a status in the database.')
    const lag = gauge('postern_lag', 'Changes in the database that this node has not heard of.')
    const connected = gauge('postern_hearing', '0: this node hears no other and asks the database for every token.')
    const nodes = gauge('postern_nodes', 'Nodes on a shared database that gave a sign of life within five seconds.')
    const up = gauge('postern_database_up', '0: the database did not answer, and what it told last stands here.')
    const readers = gauge('postern_feed_readers', 'Readers of the feed of this node.')
    const reader = new Gauge({
      name: 'postern_feed_reader_sequence',
      help: 'The last change that a client was told; of several readers, what the last of them was told.',
      labelNames: ['client_id'],
      registers,
    })
    const statusChanges = new Counter({
      name: 'postern_status_changes_total',
      help: 'Changes of statuses that this node heard of, whichever node made them.',
      labelNames: ['status'],
      registers,
    })
    const issued = new Counter({ name: 'postern_tokens_issued_total', help: 'Tokens made by this node.', registers })
    let counted = 0
    const count = (status: Status) => statusChanges.inc({ status: NAMES.get(status) ?? 'unknown' })
    lists.observe(events => {
      for (const { status } of events) count(status)
    })

    // Changes are counted from now on, not from the first that made the lists load.
    const loaded = lists.catchUp().catch(() => {})
    return async () => {
      await loaded
      const clusterStatus = await readClusterStatus(db).catch(() => undefined)
      up.set(clusterStatus ? 1 : 0)
      if (clusterStatus) newest.set(clusterStatus.newest?.sequence ?? lists.sequence)
      if (clusterStatus) nodes.set(clusterStatus.nodes.length)
      issued.inc(counters.issued - counted)
      counted = counters.issued
      position.set(lists.sequence)
      lag.set(Math.max(0, (clusterStatus?.newest?.sequence ?? 0) - lists.sequence))
      connected.set(bus.connected ? 1 : 0)
      readers.set(feed.readers.length)
      reader.reset()
      for (const [client_id, at] of furthestBehind(feed)) reader.set({ client_id }, at)
    }
  }

function furthestBehind(feed: Feed): Map<string, number> {
  const positions = new Map<string, number>()
  for (const { client, position } of feed.readers) {
    const known = positions.get(client)
    if (known !== undefined || positions.size < MAX_CLIENTS)
      positions.set(client, Math.min(known ?? position, position))
  }
  return positions
}
