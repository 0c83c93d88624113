import { validate as isUuid } from 'uuid'
import { record } from '../audit/audit.ts'
import type { Changes } from '../changes/changes.ts'
import type { Database } from '../database.ts'
import { notFound } from '../errors.ts'
import { Consent } from './consent.entity.ts'
import { endGrants } from './refresh-family.ts'

/** An app that a user let in. */
export interface Authorization {
  id: string
  clientId: string
  clientName: string
  scopes: string[]
  createdAt: Date
  updatedAt: Date
  /** Of any token the app has for the user; null: never, or its tokens are gone. */
  lastUsedAt: Date | null
}

export interface Authorizations {
  /** Newest first. */
  list(userId: string, page: { limit: number; after?: string | undefined }): Promise<Authorization[]>
  /**
   * Takes back what the user let the client do: its codes, access and refresh tokens for the user die with it.
   * @throws 404 when the user did not let it in
   */
  withdraw(userId: string, clientId: string): Promise<void>
}

interface Row {
  id: string
  client_id: string
  client_name: string
  scopes: string[]
  created_at: Date | string
  updated_at: Date | string
  last_used_at: Date | string | null
}

export function createAuthorizations(db: Database, changes: Changes): Authorizations {
  return {
    async list(userId, { limit, after }) {
      const rows = await db.query<Row>(
        `select a.id, a.client_id, c.name as client_name, a.scopes, a.created_at, a.updated_at,
           (select max(t.last_used_at) from oauth_access_tokens t
            where t.user_id = a.user_id and t.client_id = a.client_id) as last_used_at
         from oauth_consents a join oauth_clients c on c.id = a.client_id
         where a.user_id = ? and (?::uuid is null or a.id < ?::uuid) and not c.revoked
         order by a.id desc limit ?`,
        [userId, after ?? null, after ?? null, limit],
      )
      return rows.map(read)
    },

    withdraw: (userId, clientId) =>
      changes.transaction(async (em, announce) => {
        const where = { user: userId, client: clientId }
        if (!isUuid(clientId)) throw notFound('authorization')
        await endGrants(em, announce, where)
        if ((await em.nativeDelete(Consent, where)) === 0) throw notFound('authorization')
        record(em, { kind: 'consent.withdrawn', userId, clientId })
      }),
  }
}

const read = (row: Row): Authorization => ({
  id: row.id,
  clientId: row.client_id,
  clientName: row.client_name,
  scopes: row.scopes,
  createdAt: new Date(row.created_at),
  updatedAt: new Date(row.updated_at),
  lastUsedAt: row.last_used_at === null ? null : new Date(row.last_used_at),
})
