import { createCache } from '../cluster/cache.ts'
import type { InvalidationBus } from '../cluster/invalidation-bus.ts'
import type { Database } from '../database/database.ts'
import { isUuid } from '../text/uuid.ts'
import { Client } from './client.entity.ts'

type MaybePromise<T> = T | Promise<T>

export interface ActiveClients {
  /** An active client, from the cache if it is there; undefined if it is unknown or revoked, or its owner is disabled. */
  find(id: string): MaybePromise<Client | undefined>
  /** Any client, in whatever state. */
  findAny(id: string): MaybePromise<Client | undefined>
}

interface Owner {
  disabled: boolean
}

/** Caches clients and the state of their owners. Every change of one invalidates its entry. */
export function createActiveClients(db: Database, bus: InvalidationBus): ActiveClients {
  const clients = createCache<Client>({
    bus,
    load: async id => (await db.run(em => em.findOne(Client, { id }))) ?? undefined,
    invalidates: (change, id) => change.kind === 'client' && change.id === id,
  })
  const owners = createCache<Owner>({
    bus,
    load: async id =>
      (await db.query<Owner>('select disabled_at is not null as disabled from users where id = ?', [id]))[0],
    invalidates: (change, id) => change.kind === 'user' && change.id === id,
  })

  // The database accepts an id in upper and lower case; the cache has one entry for both.
  const findAny = (id: string) => (isUuid(id) ? clients(id.toLowerCase()) : undefined)

  function ifActive(client: Client | undefined): MaybePromise<Client | undefined> {
    if (!client || client.revoked || client.personalAccess) return undefined
    if (client.user === null) return client
    const owner = owners(client.user)
    return owner instanceof Promise ? owner.then(found => ifEnabled(client, found)) : ifEnabled(client, owner)
  }

  return {
    findAny,
    find(id) {
      const client = findAny(id)
      return client instanceof Promise ? client.then(ifActive) : ifActive(client)
    },
  }
}

const ifEnabled = (client: Client, owner: Owner | undefined) => (owner && !owner.disabled ? client : undefined)
