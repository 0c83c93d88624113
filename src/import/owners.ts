import QuickLRU from 'quick-lru'
import type { ImportContext } from './context.ts'
import type { TokenDraft } from './drafts.ts'
import type { Ids } from './lookup.ts'

/** Whose token it will be here. */
export interface Owners {
  user: string | null
  client: string
  /** Whether it is a personal token. */
  personal: boolean
}

const NO_USER = 'its user was not imported'
const NO_CLIENT = 'its client was not imported'
const DISABLED = 'its user is disabled here'
const CLIENT_REVOKED = 'its client has been revoked'
const NOBODYS = 'it belongs to no user and no client'

interface Row {
  source_id: string
  row_id: string
  ended: boolean
}

type Find = 'find_imported_users' | 'find_imported_clients'

/** Owners that are kept in memory. What has ended since is not inserted: the database decides. */
const MAX_KEPT = 20_000

/** Our users by those of the source, without users who were deleted here since. */
export async function findImportedUsers(context: ImportContext, refs: readonly string[]): Promise<Ids> {
  const rows = await find(context, 'find_imported_users', refs)
  return new Map(rows.map(row => [row.source_id, row.row_id]))
}

async function find({ services: { db }, source }: ImportContext, name: Find, ids: readonly string[]): Promise<Row[]> {
  return ids.length === 0 ? [] : db.call<Row>(name, [JSON.stringify(ids), source])
}

/** Finds rows of ours by their ids in the source, and keeps those that were found. */
function createFind(context: ImportContext, name: Find) {
  const kept = new QuickLRU<string, Row>({ maxSize: MAX_KEPT / 2 })
  return async (ids: Iterable<string | null>): Promise<ReadonlyMap<string, Row>> => {
    const found = new Map<string, Row>()
    const missing: string[] = []
    for (const id of new Set(ids)) {
      const row = id === null ? undefined : kept.get(id)
      if (row) found.set(row.source_id, row)
      else if (id !== null) missing.push(id)
    }
    for (const row of await find(context, name, missing)) {
      kept.set(row.source_id, row)
      found.set(row.source_id, row)
    }
    return found
  }
}

/** Finds the owners of the drafts of a batch. @returns the function that tells those of a draft, or why it has none */
export type FindOwners = (drafts: readonly TokenDraft[]) => Promise<(draft: TokenDraft) => Owners | string>

export function createFindOwners(context: ImportContext): FindOwners {
  const { services, dryRun, planned } = context
  const findUsers = createFind(context, 'find_imported_users')
  const findClients = createFind(context, 'find_imported_clients')
  const isPlanned = (kind: string, id: string) => dryRun && planned.has(`${kind} ${id}`)

  return async drafts => {
    const users = await findUsers(drafts.map(({ user }) => user))
    const apps = await findClients(drafts.map(({ client }) => client))
    const { id: personal } = await services.clients.personalAccess()
    return ({ user, client, revoked }) => {
      const owner = user === null ? undefined : users.get(user)
      const app = client === null ? undefined : apps.get(client)
      if (user === null && client === null) return NOBODYS
      if (user !== null && !owner && !isPlanned('user', user)) return NO_USER
      if (client !== null && !app && !isPlanned('client', client)) return NO_CLIENT
      if (owner?.ended && !revoked) return DISABLED
      if (app?.ended && !revoked) return CLIENT_REVOKED
      return { user: owner?.row_id ?? null, client: app?.row_id ?? personal, personal: client === null }
    }
  }
}
