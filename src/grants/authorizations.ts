import { writeAudit } from '../audit/audit.ts'
import type { Publish } from '../cluster/invalidation-bus.ts'
import type { Database, Em } from '../database/database.ts'
import type { Step } from '../database/run-batches.ts'
import { notFound } from '../errors/errors.ts'
import type { OperationOptions, OperationProgress, Operations } from '../operations/operations.ts'
import { isUuid } from '../text/uuid.ts'
import type { RevokeManyOptions } from '../tokens/revoke-many.ts'
import { AccessToken } from '../tokens/token.entity.ts'
import type { Usage } from '../tokens/usage.ts'
import { Consent } from './consent.entity.ts'
import { RememberedConsent } from './remembered.entity.ts'
import { revokeGrants } from './revoke-grants.ts'

/** An app that a user has authorized. */
export interface Authorization {
  id: string
  clientId: string
  clientName: string
  /** The `client_id` of a client with a metadata document; null: it is the id. */
  metadataUrl: string | null
  /** The owner of the app; null: it belongs to the deployment, or registered itself. */
  owner: { name: string; email: string } | null
  /** Whether it was registered dynamically (RFC 7591). */
  registeredItself: boolean
  scopes: string[]
  createdAt: Date
  updatedAt: Date
  /** The last use of any token that the app has for the user; null: none, or its tokens have been deleted. */
  lastUsedAt: Date | null
}

export interface Authorizations {
  /** Lists authorizations, newest first. */
  list(userId: string, page: { limit: number; after?: string | undefined }): Promise<Authorization[]>
  find(userId: string, clientId: string): Promise<Authorization | undefined>
  /**
   * Withdraws an authorization: revokes the client's codes, access and refresh tokens for the user, then deletes the
   * consent. Without `background`, call it again to continue.
   * @returns how many access tokens were revoked, whether all are done, and the operation that goes on with the rest
   * @throws 404 if the user has not authorized the client
   */
  withdraw(userId: string, clientId: string, options?: OperationOptions): Promise<OperationProgress>
}

/** The user and the client of an authorization. */
type Consented = { user: string; client: string }

interface Row {
  id: string
  client_id: string
  client_name: string
  metadata_url: string | null
  owner_name: string | null
  owner_email: string | null
  registered_itself: boolean
  scopes: string[]
  created_at: Date | string
  updated_at: Date | string
  last_used_at: Date | string | null
  live_tokens: string[]
}

export interface AuthorizationsOptions {
  db: Database
  operations: Pick<Operations, 'define'>
  usage: Usage
}

export function createAuthorizations({ db, operations, usage }: AuthorizationsOptions): Authorizations {
  /** Includes uses that are not yet in the database. */
  function lastUsed({ last_used_at: written, live_tokens: ids }: Row): Date | null {
    const none = { scopes: [], lastUsedAt: null, lastUsedBy: null, usedScopes: null }
    const times = ids.map(id => usage.lastUse({ id, ...none }).lastUsedAt?.getTime() ?? 0)
    const last = Math.max(written === null ? 0 : new Date(written).getTime(), ...times)
    return last > 0 ? new Date(last) : null
  }

  const read = (row: Row): Authorization => ({
    id: row.id,
    clientId: row.client_id,
    clientName: row.client_name,
    metadataUrl: row.metadata_url,
    owner: row.owner_name === null ? null : { name: row.owner_name, email: row.owner_email ?? '' },
    registeredItself: row.registered_itself,
    scopes: row.scopes,
    createdAt: new Date(row.created_at),
    updatedAt: new Date(row.updated_at),
    lastUsedAt: lastUsed(row),
  })

  const withdraw = operations.define('withdraw_authorization', {
    step: withdrawNext,
    remaining: (em, of) => em.count(AccessToken, { ...of, revoked: false }),
  })

  return {
    async list(userId, { limit, after }) {
      const rows = await db.query<Row>(
        `${SELECT} where a.user_id = ? and (?::uuid is null or a.id < ?::uuid) and not c.revoked
         order by a.id desc limit ?`,
        [userId, after ?? null, after ?? null, limit],
      )
      return rows.map(read)
    },

    async find(userId, clientId) {
      if (!isUuid(clientId)) return undefined
      const where = 'where a.user_id = ? and a.client_id = ? and not c.revoked'
      return (await db.query<Row>(`${SELECT} ${where}`, [userId, clientId])).map(read)[0]
    },

    withdraw: (user, client, options) => withdraw({ user, client }, options),
  }
}

/**
 * Withdraws by one batch, in the transaction of `em`. The first one ends codes, refresh tokens and silent authorization. Whoever
 * authorizes the app again while later ones run keeps that.
 * @throws 404 if there is no authorization at the first batch
 */
async function withdrawNext(em: Em, publish: Publish, of: Consented, options: RevokeManyOptions): Promise<Step> {
  const authorizedAt = options.state?.authorizedAt ?? (await startWithdrawal(em, of))
  const { state, ...done } = await revokeGrants(em, publish, of, { ...options, bounded: true })
  if (!done.last) return { ...done, state: { ...state, authorizedAt } }
  const removed = await em.nativeDelete(Consent, { ...of, updatedAt: new Date(authorizedAt) })
  if (removed > 0) writeAudit(em, { kind: 'consent.withdrawn', userId: of.user, clientId: of.client })
  return { ...done, state }
}

/** @returns when the app was last authorized @throws 404 */
async function startWithdrawal(em: Em, of: Consented): Promise<string> {
  // Whoever approves the app locks this row too, and has stored the consent, or waits.
  await em.execute('select id from users where id = ? for no key update', [of.user])
  const consent = isUuid(of.client) ? await em.findOne(Consent, of) : undefined
  if (!consent) throw notFound('authorization')
  await em.nativeDelete(RememberedConsent, { consent: consent.id })
  // A new consent adds to these scopes.
  await em.nativeUpdate(Consent, { id: consent.id }, { scopes: [] })
  return consent.updatedAt.toISOString()
}

/** Reads only the newest tokens: an app that refreshes its tokens uses no others. */
const SELECT = `
  select a.id, a.client_id, c.name as client_name, c.metadata_url, a.scopes, a.created_at, a.updated_at,
    o.name as owner_name, o.email as owner_email, c.registration_hash is not null as registered_itself,
    (select max(t.last_used_at) from oauth_access_tokens t
     where t.user_id = a.user_id and t.client_id = a.client_id) as last_used_at,
    array(select t.id from oauth_access_tokens t
     where t.user_id = a.user_id and t.client_id = a.client_id and not t.revoked
     order by t.id desc limit 50) as live_tokens
  from oauth_consents a join oauth_clients c on c.id = a.client_id left join users o on o.id = c.user_id`
