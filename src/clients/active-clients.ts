import { type Cached, createCache } from '../cluster/cache.ts'
import type { InvalidationBus } from '../cluster/invalidation-bus.ts'
import type { Database } from '../database/database.ts'
import { isUuid } from '../text/uuid.ts'
import { createAliases } from './aliases.ts'
import { Client } from './client.entity.ts'
import type { MetadataClients, Purpose } from './metadata-clients.ts'
import { isMetadataUrl, metadataClientId } from './metadata-id.ts'

type MaybePromise<T> = T | Promise<T>

export interface ActiveClients {
  /**
   * The active client of a `client_id`, from the cache if it is there; undefined if it is unknown, revoked or expired, or its
   * owner is disabled.
   * @param purpose default: `authorization`
   * @throws 401 `invalid_client`, 429, 503 for a client whose metadata document cannot be used
   */
  find(clientId: string, purpose?: Purpose): MaybePromise<Client | undefined>
  /** The row of a `client_id`, in whatever state. */
  findAny(clientId: string): MaybePromise<Client | undefined>
}

interface Owner {
  disabled: boolean
}

/** Caches the rows of clients, by id. Every change of one invalidates its entry. */
export function createClientCache(db: Database, bus: InvalidationBus): Cached<Client> {
  return createCache<Client>({
    bus,
    load: async id => (await db.run(em => em.findOne(Client, { id }))) ?? undefined,
    invalidates: (change, id) => change.kind === 'client' && change.id === id,
  })
}

export interface ActiveClientsOptions {
  db: Database
  bus: InvalidationBus
  readRow: Cached<Client>
  metadataClients: MetadataClients
}

/** Caches the owners of clients too. Every change of one invalidates its entry. */
export function createActiveClients({ db, bus, readRow, metadataClients }: ActiveClientsOptions): ActiveClients {
  const owners = createCache<Owner>({
    bus,
    load: async id =>
      (await db.query<Owner>('select disabled_at is not null as disabled from users where id = ?', [id]))[0],
    invalidates: (change, id) => change.kind === 'user' && change.id === id,
  })

  const findAlias = createAliases(db, bus)

  /** An imported client keeps the `client_id` that it had, such as a number. */
  async function findByAlias(clientId: string): Promise<Client | undefined> {
    const id = await findAlias(clientId)
    return id === undefined ? undefined : readRow(id)
  }

  function findAny(clientId: string): MaybePromise<Client | undefined> {
    if (isMetadataUrl(clientId)) return readRow(metadataClientId(clientId))
    // The database accepts an id in upper and lower case; the cache has one entry for both.
    return isUuid(clientId) ? readRow(clientId.toLowerCase()) : findByAlias(clientId)
  }

  function ifActive(client: Client | undefined): MaybePromise<Client | undefined> {
    if (!client || !isLiveClient(client)) return undefined
    if (client.user === null) return client
    const owner = owners(client.user)
    return owner instanceof Promise ? owner.then(found => ifEnabled(client, found)) : ifEnabled(client, owner)
  }

  return {
    findAny,
    find(clientId, purpose = 'authorization') {
      if (isMetadataUrl(clientId)) return metadataClients.find(clientId, purpose)
      const client = findAny(clientId)
      return client instanceof Promise ? client.then(ifActive) : ifActive(client)
    },
  }
}

/** Whether the row is of a client that is neither revoked nor expired. Its owner, if any, is checked separately. */
export function isLiveClient({ revoked, personalAccess, metadataUrl, expiresAt }: Client): boolean {
  // The id of its row is not the `client_id` of a client with a metadata document.
  if (revoked || personalAccess || metadataUrl !== null) return false
  return expiresAt === null || expiresAt.getTime() > Date.now()
}

const ifEnabled = (client: Client, owner: Owner | undefined) => (owner && !owner.disabled ? client : undefined)
