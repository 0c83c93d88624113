import { hostname } from 'node:os'
import type { InvalidationBus } from './cluster/invalidation-bus.ts'
import { startListener } from './cluster/listener.ts'
import type { Config } from './config/config.ts'
import type { Database } from './database/database.ts'
import type { Log } from './errors/log.ts'
import type { Keys } from './keys/keys.ts'
import { startDeferredEvents } from './status/deferred-events.ts'
import { startHeartbeat } from './status/heartbeat.ts'
import type { StatusServices } from './status/services.ts'

export interface ListenOptions extends Pick<StatusServices, 'lists' | 'feed'> {
  db: Database
  bus: InvalidationBus
  keys: Keys
  config: Pick<Config, 'listenUrl'>
  log: Log
}

/**
 * Starts what a long-running node does in the background: it writes deferred status events, and on a shared database
 * receives the changes of other nodes and reports how far it has read.
 * @returns what stops each part, in the order of the start
 */
export function startListening({ db, bus, keys, lists, feed, config, log }: ListenOptions): (() => Promise<void>)[] {
  const deferred = startDeferredEvents({
    bus,
    onError: err => log.error({ err }, 'could not write the status events of a user or client with many tokens'),
  })
  const closers = [() => deferred.close()]
  if (db.embedded || !config.listenUrl) return closers
  const stopRefreshing = keys.startRefreshing()
  const listener = startListener({ url: config.listenUrl, db, bus, log })
  const name = `${hostname()}:${process.pid}`.slice(0, 255)
  const heartbeat = startHeartbeat({ db, bus, lists, feed, name })
  return [...closers, async () => stopRefreshing(), () => listener.close(), () => heartbeat.close()]
}
