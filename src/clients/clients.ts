import { LockMode } from '@mikro-orm/postgresql'
import { checkOptions, renamedTo } from '../../packages/guard/src/options.ts'
import { writeAudit } from '../audit/audit.ts'
import type { InvalidationBus } from '../cluster/invalidation-bus.ts'
import type { Config } from '../config/config.ts'
import type { Database, Em } from '../database/database.ts'
import { conflict, invalid, notFound } from '../errors/errors.ts'
import type { Precondition } from '../http/entity-tag.ts'
import type { Catalogue } from '../scopes/catalogue.ts'
import { newSecret } from '../security/secrets.ts'
import { isUuid } from '../text/uuid.ts'
import { assertAudienceFree } from './audiences.ts'
import { Client } from './client.entity.ts'
import { clientDefaults } from './defaults.ts'
import { createInsertClient } from './insert.ts'
import { type ClientPage, listClients } from './list.ts'
import { createPersonalAccess, PERSONAL_ACCESS } from './personal-access.ts'
import { type ClientRevocation, createRevokeClient } from './revoke.ts'
import { assertConsistent, type ClientSettings, standardGrants, validateSettings } from './rules.ts'
import { afterRotation, hasSecret, toStoredSecret } from './secrets.ts'
import { endOutdatedVerification } from './verification-print.ts'

export interface NewClient extends ClientSettings {
  name: string
  /** A shorthand for `authMethod: 'none'`. */
  public?: boolean | undefined
  /** The owner. Default: the deployment. */
  userId?: string | undefined
  /** Whether the owner's quota applies. It does for clients that users register, not for those of operators. */
  withinQuota?: boolean
  /** SHA-256 of the token that manages it, for a client that registered itself (RFC 7592). */
  registrationHash?: Buffer | undefined
  /** When it ends unless a user consents before. Default: it does not. */
  expiresAt?: Date | undefined
}

/** `secret` is the plain text of a new secret and exists only here; undefined if none was created. */
export interface ClientAndSecret {
  client: Client
  secret: string | undefined
}

export interface Rotation {
  /** How long the previous secret stays valid, so that every copy of it can be replaced; at most 30 days. Default 0. */
  overlapSeconds?: number | undefined
  /** When the new secret expires. Default: it does not expire before it is rotated. */
  expiresAt?: Date | undefined
}

export interface Clients {
  /** @throws 422 with the field names of the API; 403 if the owner has reached the maximum number of clients */
  create(input: NewClient): Promise<ClientAndSecret>
  /**
   * @param userId the owner that it must have
   * @throws 404
   */
  find(id: string, userId?: string): Promise<Client>
  /** Lists clients, oldest first unless sorted otherwise. */
  list(page?: ClientPage): Promise<Client[]>
  /**
   * Changes the given settings, with effect on the next request. A client that becomes confidential gets a secret; a client
   * that no longer needs a secret loses those that it had.
   * @throws 404, 422; 409 if it has been revoked
   */
  update(id: string, change: ClientSettings, precondition?: Precondition<Client>): Promise<ClientAndSecret>
  /**
   * Creates a new secret. The previous secret stays valid for the overlap; older ones are removed. If the previous secret was
   * never used, the response that contained it may have been lost: it is removed, and the one that it replaced keeps its
   * expiry.
   * @throws 404; 409 for a client that has been revoked or does not authenticate with a secret
   */
  rotateSecret(id: string, rotation?: Rotation): Promise<ClientAndSecret & { secret: string }>
  /** From the next request on, its access and refresh tokens are rejected. Idempotent. @throws 404 */
  revoke(id: string): Promise<void>
  /** The client that personal tokens are issued under. Creates it if it does not exist. */
  personalAccess(): Promise<Client>
}

export interface ClientsOptions {
  db: Database
  bus: InvalidationBus
  catalogue: Catalogue
  config: Pick<Config, 'tokenMaxLifetime' | 'clientsPerUser' | 'registeredClients' | 'registrationsPerHour'>
  revocation: ClientRevocation
}

const MAX_OVERLAP_SECONDS = 30 * 86_400

export function createClients({ db, bus, catalogue, config, revocation }: ClientsOptions): Clients {
  const insert = createInsertClient(db, config)
  const rules = { catalogue, maxLifetime: config.tokenMaxLifetime }

  /** Locks the row, so that concurrent changes are applied one after another. */
  async function lockLive(em: Em, id: string): Promise<Client> {
    const where = { id, personalAccess: false }
    const client = isUuid(id) && (await em.findOne(Client, where, { lockMode: LockMode.PESSIMISTIC_WRITE }))
    if (!client) throw notFound('client')
    if (client.revoked) throw conflict('The client has been revoked.')
    return client
  }

  const change = <T>(id: string, work: (client: Client, em: Em) => T | Promise<T>) =>
    bus.transaction(async (em, publish) => {
      const client = await lockLive(em, id)
      const result = await work(client, em)
      client.updatedAt = new Date()
      // Settings and secrets do not affect the status of tokens.
      publish({ kind: 'client', id }, 'nothing')
      return result
    })

  return {
    async create({ public: isPublic, userId, withinQuota = false, registrationHash, expiresAt, ...settings }) {
      const self = { registrationHash: registrationHash ?? null, expiresAt: expiresAt ?? null }
      const row = { ...clientDefaults(), user: userId ?? null, ...self }
      Object.assign(row, isPublic && { authMethod: 'none' }, validateSettings(settings, rules))
      if (!settings.grantTypes) row.grantTypes = standardGrants(row)
      assertConsistent(row)
      const secret = hasSecret(row) ? newSecret() : undefined
      if (secret) row.secrets = [toStoredSecret(secret)]
      return { client: await insert(row, withinQuota).catch(throwAudienceTaken), secret }
    },

    async find(id, userId) {
      const where = { id, ...(userId !== undefined && { user: userId }) }
      const client = isUuid(id) ? await db.run(em => em.findOne(Client, where)) : null
      if (!client) throw notFound('client')
      return client
    },

    list: (page = {}) => listClients(db, page),

    update: (id, settings, precondition) =>
      change(id, async (client, em) => {
        precondition?.(client)
        assertNotDescribed(client, settings)
        const values = validateSettings(settings, { ...rules, existing: client.scopes ?? undefined })
        if (values.audience) await assertAudienceFree(em, values.audience, id)
        Object.assign(client, values)
        assertConsistent(client)
        const secret = hasSecret(client) && client.secrets.length === 0 ? newSecret() : undefined
        if (secret) client.secrets = [toStoredSecret(secret)]
        if (!hasSecret(client)) client.secrets = []
        await endOutdatedVerification(em, client)
        writeAudit(em, { kind: 'client.changed', clientId: id, userId: client.user, details: { ...values } })
        return { client, secret }
      }).catch(throwAudienceTaken),

    async rotateSecret(id, rotation = {}) {
      checkOptions('clients.rotateSecret', rotation, { overlap: renamedTo('overlapSeconds') })
      const { overlap, expiresAt } = validateRotation(rotation)
      return change(id, (client, em) => {
        if (!hasSecret(client)) throw conflict('The client does not authenticate with a secret.')
        const secret = newSecret()
        client.secrets = [toStoredSecret(secret, expiresAt), ...afterRotation(client.secrets, overlap)]
        writeAudit(em, { kind: 'client.secret_rotated', clientId: id, userId: client.user, details: { overlap } })
        return { client, secret }
      })
    },

    revoke: createRevokeClient({ db, bus, revocation }),

    personalAccess: createPersonalAccess(db, () => insert({ ...clientDefaults(), ...PERSONAL_ACCESS })),
  }
}

function validateRotation({ overlapSeconds: overlap = 0, expiresAt }: Rotation) {
  if (!(overlap >= 0 && overlap <= MAX_OVERLAP_SECONDS)) {
    throw invalid({ path: 'overlap', message: `must be 0 to ${MAX_OVERLAP_SECONDS} seconds` })
  }
  if (expiresAt && !(expiresAt.getTime() > Date.now())) {
    throw invalid({ path: 'expires_at', message: 'must be in the future' })
  }
  return { overlap, expiresAt }
}

const DESCRIBED = {
  name: 'name',
  authMethod: 'token_endpoint_auth_method',
  jwks: 'jwks',
  grantTypes: 'grant_types',
  redirectUris: 'redirect_uris',
  metadata: 'metadata',
  requirePushedRequests: 'require_pushed_authorization_requests',
} as const

/** Rejects settings that the metadata document of a client decides. @throws 422 */
function assertNotDescribed({ metadataUrl }: Client, settings: ClientSettings): void {
  if (metadataUrl === null) return
  const fields = Object.keys(DESCRIBED) as (keyof typeof DESCRIBED)[]
  const field = fields.find(name => settings[name] !== undefined)
  if (field) throw invalid({ path: DESCRIBED[field], message: `is decided by the metadata document ${metadataUrl}` })
}

/** A unique violation can only be the audience, since ids and hashes are random. */
function throwAudienceTaken(error: { code?: unknown }): never {
  if (error.code === '23505') throw invalid({ path: 'audience', message: 'is already registered for another client' })
  throw error
}
