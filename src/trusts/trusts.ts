import { LockMode } from '@mikro-orm/postgresql'
import type { Token } from '../../packages/guard/src/token.ts'
import { isLiveClient } from '../clients/active-clients.ts'
import { Client } from '../clients/client.entity.ts'
import type { InvalidationBus, Publish } from '../cluster/invalidation-bus.ts'
import type { Config } from '../config/config.ts'
import type { Database, Em } from '../database/database.ts'
import { newId } from '../database/ids.ts'
import { invalid, notFound } from '../errors/errors.ts'
import type { Precondition } from '../http/entity-tag.ts'
import type { Catalogue } from '../scopes/catalogue.ts'
import { validateName } from '../text/name.ts'
import { isUuid } from '../text/uuid.ts'
import { assertMayGrant } from '../tokens/limits.ts'
import { revokeTokens } from '../tokens/revoke.ts'
import { User } from '../users/user.entity.ts'
import { auditTrust } from './remove.ts'
import {
  DEFAULT_LIFETIME,
  type RulesContext,
  type TrustOwner,
  type TrustSettings,
  type TrustValues,
  validateTrust,
} from './rules.ts'
import { Trust } from './trust.entity.ts'

/** A trust that was changed or removed, and how many tokens were revoked with that. */
export interface TrustChange {
  trust: Trust
  revoked: number
}

/** The trusts of a deployment: which workloads get tokens without a stored secret. */
export interface Trusts {
  /**
   * @param grantingToken the token that requests it; undefined: the operator, or an administrator on the pages
   * @throws 422 with the field names of the API; 403 for an administrative scope that the token lacks
   */
  create(settings: TrustSettings, grantingToken?: Token): Promise<Trust>
  /** @throws 404 */
  find(id: string): Promise<Trust>
  /** Oldest first. */
  list(page?: { limit?: number | undefined; after?: string | undefined }): Promise<Trust[]>
  /**
   * Changes a trust. Unless only its name changes, the tokens that it issued are revoked, and the next use pins anew.
   * @param grantingToken as for `create`; it needs the administrative scopes that the trust then grants
   * @throws 403, 404, 422
   */
  update(
    id: string,
    change: TrustSettings,
    grantingToken?: Token,
    precondition?: Precondition<Trust>,
  ): Promise<TrustChange>
  /** Removes a trust and revokes the tokens that it issued. @throws 404 */
  remove(id: string): Promise<TrustChange>
  /** The trusts of an issuer. */
  ofIssuer(issuer: string): Promise<Trust[]>
}

export interface TrustsOptions {
  db: Database
  bus: InvalidationBus
  catalogue: Catalogue
  config: Pick<Config, 'issuer' | 'issuerPrevious' | 'fetchLoopback'>
}

/** The live tokens of a trust, and their successors by rotation. */
const ISSUED = `
  with recursive issued as (
    select t.id, t.successor_id from oauth_trust_tokens l join oauth_access_tokens t on t.id = l.token_id
    where l.trust_id = ?
    union
    select t.id, t.successor_id from issued i join oauth_access_tokens t on t.id = i.successor_id
  )
  select i.id from issued i join oauth_access_tokens t on t.id = i.id where not t.revoked and t.expires_at > now()`

export function createTrusts({ db, bus, catalogue, config }: TrustsOptions): Trusts {
  const context: RulesContext = {
    catalogue,
    ownIssuers: [config.issuer, ...config.issuerPrevious],
    allowLoopback: config.fetchLoopback,
  }

  async function validated(em: Em, values: TrustValues, grantingToken: Token | undefined): Promise<TrustValues> {
    const valid = validateTrust(values, await ownerOf(em, values), context)
    if (grantingToken) assertMayGrant(grantingToken, valid.scopes)
    return valid
  }

  async function lock(em: Em, id: string): Promise<Trust> {
    const trust = isUuid(id) && (await em.findOne(Trust, { id }, { lockMode: LockMode.PESSIMISTIC_WRITE }))
    return trust || Promise.reject(notFound('trust'))
  }

  return {
    async create(settings, grantingToken) {
      return db.transaction(async em => {
        const values = await validated(em, newValues(settings, config.issuer), grantingToken)
        const now = new Date()
        const trust = em.create(Trust, { ...values, id: newId(), pinned: null, createdAt: now, updatedAt: now })
        auditTrust(em, 'trust.created', trust)
        return trust
      })
    },

    async find(id) {
      const trust = isUuid(id) && (await db.run(em => em.findOne(Trust, { id })))
      return trust || Promise.reject(notFound('trust'))
    },

    list: ({ limit = 50, after } = {}) =>
      db.run(em => em.find(Trust, after ? { id: { $gt: after } } : {}, { orderBy: { id: 'asc' }, limit })),

    update: (id, change, grantingToken, precondition) =>
      bus.transaction(async (em, publish) => {
        // Everything is taken from the locked row: another change may have been made since the request began.
        const trust = await lock(em, id)
        precondition?.(trust)
        const { name, ...others } = change
        const onlyName = Object.values(others).every(value => value === undefined)
        if (onlyName && name === undefined) return { trust, revoked: 0 }
        const values = onlyName
          ? { name: validateName(name as string) }
          : { ...(await validated(em, changedValues(trust, change), grantingToken)), pinned: null }
        em.assign(trust, { ...values, updatedAt: new Date() })
        const revoked = onlyName ? 0 : await revokeIssued(em, publish, trust.id)
        auditTrust(em, 'trust.changed', trust)
        return { trust, revoked }
      }),

    remove: id =>
      bus.transaction(async (em, publish) => {
        const trust = await lock(em, id)
        const revoked = await revokeIssued(em, publish, trust.id)
        auditTrust(em, 'trust.removed', trust)
        em.remove(trust)
        return { trust, revoked }
      }),

    ofIssuer: issuer => db.run(em => em.find(Trust, { issuer }, { orderBy: { id: 'asc' } })),
  }
}

/** In the transaction, whose connection may be the only one. */
async function ownerOf(em: Em, { user, client }: TrustValues): Promise<TrustOwner> {
  const userRow = user !== null && isUuid(user) ? await em.findOne(User, { id: user }) : null
  const clientRow = client !== null && isUuid(client) ? await em.findOne(Client, { id: client }) : null
  return { user: userRow ?? undefined, client: clientRow && isLiveClient(clientRow) ? clientRow : undefined }
}

async function revokeIssued(em: Em, publish: Publish, id: string): Promise<number> {
  const issued = (await em.execute(ISSUED, [id])) as { id: string }[]
  if (issued.length === 0) return 0
  return (await revokeTokens(em, publish, { id: { $in: issued.map(token => token.id) } })).length
}

function newValues(settings: TrustSettings, ownIssuer: string): TrustValues {
  const { issuer, match = {}, pin = [], userId = null, clientId = null, scopes = [] } = settings
  if (issuer === undefined) throw invalid({ path: 'issuer', message: 'is required' })
  return {
    name: settings.name ?? (Object.values(match)[0] || issuer),
    issuer,
    jwksUri: settings.jwksUri ?? null,
    audience: settings.audience ?? ownIssuer,
    match: { ...match },
    pin: [...pin],
    user: userId,
    client: clientId,
    scopes: [...scopes],
    lifetime: settings.lifetime ?? DEFAULT_LIFETIME,
  }
}

/** Naming a user replaces the client, and the other way round. */
function changedValues(trust: Trust, change: TrustSettings): TrustValues {
  const { userId, clientId } = change
  const owner =
    userId === undefined && clientId === undefined
      ? { user: trust.user, client: trust.client }
      : { user: userId ?? null, client: clientId ?? null }
  return {
    ...owner,
    name: change.name ?? trust.name,
    issuer: change.issuer ?? trust.issuer,
    jwksUri: change.jwksUri === undefined ? trust.jwksUri : change.jwksUri,
    audience: change.audience ?? trust.audience,
    match: { ...(change.match ?? trust.match) },
    pin: [...(change.pin ?? trust.pin)],
    scopes: [...(change.scopes ?? trust.scopes)],
    lifetime: change.lifetime ?? trust.lifetime,
  }
}
