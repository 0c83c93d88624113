import { hostname } from 'node:os'
import type { InvalidationBus } from './cluster/invalidation-bus.ts'
import { startListener } from './cluster/listener.ts'
import type { Config } from './config/config.ts'
import type { Database } from './database/database.ts'
import type { Log } from './errors/log.ts'
import { followActiveKey } from './keys/active-app-key.ts'
import type { Keys } from './keys/keys.ts'
import type { Mail } from './mail/mail.ts'
import type { Operations } from './operations/operations.ts'
import type { ScimServices } from './scim/services.ts'
import type { KeyRing } from './security/key-ring.ts'
import { startDeferredEvents } from './status/deferred-events.ts'
import { startHeartbeat } from './status/heartbeat.ts'
import type { StatusServices } from './status/services.ts'
import type { UserServices } from './users/services.ts'

export interface ListenOptions extends Pick<StatusServices, 'lists' | 'feed'>, Pick<UserServices, 'composeMail'> {
  mail: Mail
  operations: Operations
  scim: ScimServices
  db: Database
  bus: InvalidationBus
  keys: Keys
  keyRing: KeyRing
  config: Pick<Config, 'listenUrl' | 'scimToken'>
  log: Log
}

/**
 * Starts what a long-running node does in the background: it writes deferred status events, runs operations, sends mail, and on a shared database
 * receives the changes of other nodes and reports how far it has read.
 * @returns what stops each part, in the order of the start
 */
export function startListening(options: ListenOptions): (() => Promise<void>)[] {
  const { db, bus, keys, lists, feed, mail, operations, composeMail, scim, keyRing, config, log } = options
  const deferred = startDeferredEvents({
    bus,
    onError: err => log.error({ err }, 'could not write the status events of a user or client with many tokens'),
  })
  const runner = operations.start()
  const delivery = mail.start(composeMail)
  const revocation = scim.suspended.start(err => log.error({ err }, 'could not revoke the tokens of former users'))
  // The configuration may have changed since the last start.
  const applying = config.scimToken === undefined ? undefined : scim.rights.applyToAll()
  const applied = applying?.catch(err => log.error({ err }, 'could not apply the rights of SCIM groups'))
  const closers = [
    () => deferred.close(),
    () => runner.close(),
    () => delivery.close(),
    () => revocation.close(),
    async () => applied,
  ]
  if (db.embedded || !config.listenUrl) return closers
  followActiveKey(db, bus, keyRing)
  const stopRefreshing = keys.startRefreshing()
  const listener = startListener({ url: config.listenUrl, db, bus, log })
  const name = `${hostname()}:${process.pid}`.slice(0, 255)
  const heartbeat = startHeartbeat({ db, bus, lists, feed, keyRing, name })
  return [...closers, async () => stopRefreshing(), () => listener.close(), () => heartbeat.close()]
}
