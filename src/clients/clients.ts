import { LockMode } from '@mikro-orm/postgresql'
import { checkOptions, renamedTo } from '../../packages/guard/src/options.ts'
import { writeAudit } from '../audit/audit.ts'
import type { InvalidationBus } from '../cluster/invalidation-bus.ts'
import type { Config } from '../config/config.ts'
import type { Database, Em } from '../database/database.ts'
import { conflict, invalid, notFound } from '../errors/errors.ts'
import type { Catalogue } from '../scopes/catalogue.ts'
import { newSecret } from '../security/secrets.ts'
import { isUuid } from '../text/uuid.ts'
import { assertAudienceFree } from './audiences.ts'
import { Client } from './client.entity.ts'
import { clientDefaults } from './defaults.ts'
import { createInsertClient } from './insert.ts'
import { createPersonalAccess, PERSONAL_ACCESS } from './personal-access.ts'
import { type ClientRevocation, createRevokeClient } from './revoke.ts'
import { assertConsistent, type ClientSettings, standardGrants, validateSettings } from './rules.ts'
import { afterRotation, hasSecret, toStoredSecret } from './secrets.ts'

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
}

/** `secret` is the plain text of a new secret and exists only here; undefined if none was created. */
export interface ClientAndSecret {
  client: Client
  secret: string | undefined
}

export interface ClientPage {
  limit?: number | undefined
  /** The last id of the previous page. */
  after?: string | undefined
  /** Only clients of this user. */
  userId?: string | undefined
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
  /** Lists clients, oldest first. */
  list(page?: ClientPage): Promise<Client[]>
  /**
   * Changes the given settings, with effect on the next request. A client that becomes confidential gets a secret; a client
   * that no longer needs a secret loses those that it had.
   * @throws 404, 422; 409 if it has been revoked
   */
  update(id: string, change: ClientSettings): Promise<ClientAndSecret>
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
  config: Pick<Config, 'tokenMaxLifetime' | 'clientsPerUser'>
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
    async create({ public: isPublic, userId, withinQuota = false, registrationHash, ...settings }) {
      const row = { ...clientDefaults(), user: userId ?? null, registrationHash: registrationHash ?? null }
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

    list({ limit = 50, after, userId } = {}) {
      const where = { ...(after && { id: { $gt: after } }), ...(userId !== undefined && { user: userId }) }
      return db.run(em => em.find(Client, where, { orderBy: { id: 'asc' }, limit }))
    },

    update: (id, settings) =>
      change(id, async (client, em) => {
        const values = validateSettings(settings, { ...rules, existing: client.scopes ?? undefined })
        if (values.audience) await assertAudienceFree(em, values.audience, id)
        Object.assign(client, values)
        assertConsistent(client)
        const secret = hasSecret(client) && client.secrets.length === 0 ? newSecret() : undefined
        if (secret) client.secrets = [toStoredSecret(secret)]
        if (!hasSecret(client)) client.secrets = []
        writeAudit(em, { kind: 'client.changed', clientId: id, userId: client.user, details: { ...values } })
        return { client, secret }
      }).catch(throwAudienceTaken),

    async rotateSecret(id, rotation = {}) {
      checkOptions('clients.rotateSecret', rotation, { overlap: renamedTo('overlapSeconds') })
      const { overlapSeconds: overlap = 0, expiresAt } = rotation
      if (!(overlap >= 0 && overlap <= MAX_OVERLAP_SECONDS)) {
        throw invalid({ path: 'overlap', message: `must be 0 to ${MAX_OVERLAP_SECONDS} seconds` })
      }
      if (expiresAt && !(expiresAt.getTime() > Date.now())) {
        throw invalid({ path: 'expires_at', message: 'must be in the future' })
      }
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

/** A unique violation can only be the audience, since ids and hashes are random. */
function throwAudienceTaken(error: { code?: unknown }): never {
  if (error.code === '23505') throw invalid({ path: 'audience', message: 'is already registered for another client' })
  throw error
}
