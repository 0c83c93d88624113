import type { Database } from '../database/database.ts'
import { type CollectionWindow, openCollection, readRestoration } from '../deployment/restoration.ts'
import { StartupError } from '../errors/errors.ts'

const RESOURCE_SERVERS = `
  select id from oauth_clients
  where id in (select jsonb_array_elements_text(?::jsonb)::uuid)
    and audience is not null and auth_method <> 'none' and not revoked`

/** @throws StartupError that names a client which is no confidential resource server of this database */
export async function requireResourceServers(db: Database, clients: readonly string[] | null): Promise<void> {
  if (clients === null) return
  const rows = await db.query<{ id: string }>(RESOURCE_SERVERS, [JSON.stringify(clients)])
  const unknown = clients.find(id => !rows.some(row => row.id === id))
  if (unknown) {
    throw new StartupError(
      `This database has no confidential client ${unknown} with an audience. List them with: postern client list`,
    )
  }
}

/** Collects lost revocations again, or for longer, also while nodes run. The bound of the declaration stays. @throws StartupError */
export async function reopenCollection(db: Database, window: CollectionWindow): Promise<void> {
  await requireResourceServers(db, window.clients)
  await openCollection(db, window)
}

/** What was collected, for an operator. Times are RFC 3339. */
export interface CollectionState {
  declaredAt: string
  /** null: never opened. */
  until: string | null
  isOpen: boolean
  /** null: all confidential resource servers. */
  clients: readonly string[] | null
  recovered: { clientId: string; name: string | null; count: number }[]
}

/** @returns undefined: nobody has declared a restore */
export async function collectionState(db: Database): Promise<CollectionState | undefined> {
  const restoration = await readRestoration(db)
  if (!restoration) return undefined
  const { declaredAt, until, isOpen, clients } = restoration
  const counts = Object.entries(restoration.recovered)
  const names = await db.query<{ id: string; name: string }>(
    'select id, name from oauth_clients where id in (select jsonb_array_elements_text(?::jsonb)::uuid)',
    [JSON.stringify(counts.map(([id]) => id))],
  )
  const recovered = counts.map(([clientId, count]) => ({
    clientId,
    name: names.find(({ id }) => id === clientId)?.name ?? null,
    count,
  }))
  return { declaredAt, until, isOpen, clients, recovered }
}
