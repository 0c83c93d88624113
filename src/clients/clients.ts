import { LockMode } from '@mikro-orm/postgresql'
import { checkOptions, renamedTo } from '../../packages/guard/src/options.ts'
import { writeAudit } from '../audit/audit.ts'
import type { InvalidationBus, Publish } from '../cluster/invalidation-bus.ts'
import type { Config } from '../config/config.ts'
import type { Database, Em } from '../database/database.ts'
import { newId } from '../database/ids.ts'
import { type Batch, REQUEST_BUDGET_MS, runBatches } from '../database/run-batches.ts'
import { conflict, invalid, notFound } from '../errors/errors.ts'
import type { Catalogue } from '../scopes/catalogue.ts'
import { newSecret } from '../security/secrets.ts'
import { isUuid } from '../text/uuid.ts'
import { assertAudienceFree } from './audiences.ts'
import { Client } from './client.entity.ts'
import { clientDefaults } from './defaults.ts'
import { createPersonalAccess, PERSONAL_ACCESS } from './personal-access.ts'
import { assertClientQuota } from './quota.ts'
import { assertConsistent, type ClientSettings, standardGrants, validateSettings } from './rules.ts'
import { afterRotation, toStoredSecret } from './secrets.ts'

export interface NewClient extends ClientSettings {
  name: string
  /** Short for `authMethod: 'none'`. */
  public?: boolean | undefined
  /** Who it belongs to; omitted: the deployment. */
  userId?: string | undefined
  /** Its user registers it, who may have so many; operators register any number. */
  withinQuota?: boolean
  /** SHA-256 of the token that manages it, for a client that registered itself (RFC 7592). */
  registrationHash?: Buffer | undefined
}

/** The text of `secret` exists here, once; undefined where the client got none. */
export interface ClientAndSecret {
  client: Client
  secret: string | undefined
}

export interface ClientPage {
  limit?: number | undefined
  /** The last id of the page before. */
  after?: string | undefined
  /** Only this user's. */
  userId?: string | undefined
}

export interface Rotation {
  /** How long the secret before lives on, so that every copy of it can be replaced; at most 30 days. Default 0. */
  overlapSeconds?: number | undefined
  /** When the new secret expires by itself; omitted: not before it is rotated. */
  expiresAt?: Date | undefined
}

export interface Clients {
  /** @throws 422 that names the field, as the wire does; 403 when the user it belongs to has as many as one may have */
  create(input: NewClient): Promise<ClientAndSecret>
  /**
   * @param userId whose it must be
   * @throws 404
   */
  find(id: string, userId?: string): Promise<Client>
  /** Oldest first. */
  list(page?: ClientPage): Promise<Client[]>
  /**
   * Changes what is given and leaves the rest; takes effect on the next request. A client that becomes confidential gets
   * a secret, one that needs none any more loses those it had.
   * @throws 404, 422; 409 when it has been revoked
   */
  update(id: string, change: ClientSettings): Promise<ClientAndSecret>
  /**
   * A new secret; the one before lives on for the overlap, older ones die at once. If the one before was never used, the
   * answer that showed it may have been lost: it dies, and the one that it replaced keeps the end it was promised.
   * @throws 404; 409 for a client that has been revoked, or proves who it is without a secret
   */
  rotateSecret(id: string, rotation?: Rotation): Promise<ClientAndSecret & { secret: string }>
  /** From the next request on none of its tokens opens or refreshes anything. Twice is once. @throws 404 */
  revoke(id: string): Promise<void>
  /** The client that personal tokens are issued under; made if it does not exist. */
  personalAccess(): Promise<Client>
}

export interface ClientsOptions {
  db: Database
  bus: InvalidationBus
  catalogue: Catalogue
  config: Pick<Config, 'tokenMaxLifetime' | 'clientsPerUser'>
  revocation: ClientRevocation
}

/** What a revoked client takes along. Passed in, since tokens and grants import clients and not the other way round. */
export interface ClientRevocation {
  /** Revokes what its tokens issued, in the transaction that revokes the client. */
  revokeIssued(em: Em, publish: Publish, clientId: string): Promise<void>
  /** Marks the next batch of its refresh tokens as revoked; they are refused before, by the state of the client. */
  revokeRefreshTokens(em: Em, of: { client: string }): Promise<Batch>
}

const MAX_OVERLAP_SECONDS = 30 * 86_400

export function createClients({ db, bus, catalogue, config, revocation }: ClientsOptions): Clients {
  const rules = { catalogue, maxLifetime: config.tokenMaxLifetime }

  /** Locks the row, so that two changes at once are made one after the other. */
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
      // Settings and secrets: no token dies of them.
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
        throw invalid({ path: 'expires_at', message: 'must lie in the future' })
      }
      return change(id, (client, em) => {
        if (!hasSecret(client)) throw conflict('The client proves who it is without a secret.')
        const secret = newSecret()
        client.secrets = [toStoredSecret(secret, expiresAt), ...afterRotation(client.secrets, overlap)]
        writeAudit(em, { kind: 'client.secret_rotated', clientId: id, userId: client.user, details: { overlap } })
        return { client, secret }
      })
    },

    async revoke(id) {
      await bus.transaction(async (em, publish) => {
        const where = { id, personalAccess: false }
        const client = isUuid(id) && (await em.findOne(Client, where, { lockMode: LockMode.PESSIMISTIC_WRITE }))
        if (!client) throw notFound('client')
        if (client.revoked) return
        writeAudit(em, { kind: 'client.revoked', clientId: id, userId: client.user, details: { name: client.name } })
        // What the tokens of a revoked client open is asked of the client; its audience is free for another.
        em.assign(client, { revoked: true, audience: null, updatedAt: new Date() })
        publish({ kind: 'client', id })
        await revocation.revokeIssued(em, publish, id)
      })
      await runBatches(
        () => db.transaction(em => revocation.revokeRefreshTokens(em, { client: id })),
        REQUEST_BUDGET_MS,
      )
    },

    personalAccess: createPersonalAccess(db, () => insert({ ...clientDefaults(), ...PERSONAL_ACCESS })),
  }

  function insert(row: ReturnType<typeof clientDefaults>, withinQuota = false): Promise<Client> {
    return db.transaction(async em => {
      if (withinQuota && row.user) await assertClientQuota(em, row.user, config.clientsPerUser)
      if (row.audience) await assertAudienceFree(em, row.audience)
      const now = new Date()
      const client = em.create(Client, { ...row, id: newId(), createdAt: now, updatedAt: now })
      const { name, grantTypes, scopes, audience, exchangeAudiences, resources, issuesPersonalTokens, user } = row
      const details = {
        name,
        grant_types: grantTypes,
        scopes,
        audience,
        ...(exchangeAudiences && { exchange_audiences: exchangeAudiences }),
        ...(resources && { resources }),
        ...(issuesPersonalTokens && { issues_personal_tokens: true }),
      }
      writeAudit(em, { kind: 'client.created', clientId: client.id, userId: user, details })
      return client
    })
  }
}

const hasSecret = ({ authMethod }: Pick<Client, 'authMethod'>) => authMethod.startsWith('client_secret_')

/** The database knows which audiences are taken; ids and hashes are random. */
function throwAudienceTaken(error: { code?: unknown }): never {
  if (error.code === '23505') throw invalid({ path: 'audience', message: 'is that of another client' })
  throw error
}
