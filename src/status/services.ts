import type { InvalidationBus } from '../cluster/invalidation-bus.ts'
import type { Config } from '../config/config.ts'
import type { Database } from '../database/database.ts'
import type { Log } from '../errors/log.ts'
import type { Keys } from '../keys/keys.ts'
import type { KeyRing } from '../security/key-ring.ts'
import { createFeed, type Feed } from './feed.ts'
import { createStatusIndexAllocator, type StatusIndexAllocator } from './indices.ts'
import { createListKeys } from './list-keys.ts'
import { createStatusLists, type StatusLists } from './lists.ts'
import { createReadersAhead } from './readers-ahead.ts'

export interface StatusServices {
  lists: StatusLists
  feed: Feed
  indices: StatusIndexAllocator
}

export interface StatusServicesOptions {
  db: Database
  bus: InvalidationBus
  keys: Keys
  config: Config
  keyRing: KeyRing
  log: Log
}

/** Creates the services of token statuses. The caller must close `lists`. */
export function createStatusServices({ db, bus, keys, config, keyRing, log }: StatusServicesOptions): StatusServices {
  const lists = createStatusLists({
    db,
    bus,
    keys,
    issuer: config.issuer,
    ttl: config.statusListTtl,
    onError: err => log.warn({ err }, 'cannot read status events'),
  })
  return {
    lists,
    feed: createFeed(db, lists, keys, createReadersAhead(db, log)),
    indices: createStatusIndexAllocator(db, createListKeys(db, keyRing), config.tokenMaxLifetime),
  }
}
