import { Client } from '../clients/client.entity.ts'
import type { Database } from '../database/database.ts'
import { DIRECTORY_ID } from '../scim/actor.ts'
import { User } from '../users/user.entity.ts'

/** Names of users and clients for a list of ids, with one query for each. */
export interface DisplayNames {
  /** Unknown and deleted ids are left out. */
  users(ids: Iterable<string | null>): Promise<ReadonlyMap<string, { name: string; email: string | null }>>
  clients(ids: Iterable<string | null>): Promise<ReadonlyMap<string, string>>
}

export function createDisplayNames(db: Database): DisplayNames {
  return {
    async users(ids) {
      const where = { id: { $in: distinct(ids) } }
      const found = await db.run(em => em.find(User, where, { fields: ['id', 'name', 'email'] }))
      return new Map(found.map(({ id, name, email }) => [id, { name, email }]))
    },
    async clients(ids) {
      const wanted = distinct(ids)
      const found = await db.run(em => em.find(Client, { id: { $in: wanted } }, { fields: ['id', 'name'] }))
      const names = new Map(found.map(({ id, name }) => [id, name]))
      return wanted.includes(DIRECTORY_ID) ? names.set(DIRECTORY_ID, 'Directory (SCIM)') : names
    },
  }
}

const distinct = (ids: Iterable<string | null>) => [...new Set(ids)].filter(id => id !== null)
