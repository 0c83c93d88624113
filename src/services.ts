import { type AdminServices, createAdminServices } from './admin/services.ts'
import { type ClientServices, createClientServices } from './clients/services.ts'
import { createInvalidationBus, type InvalidationBus } from './cluster/invalidation-bus.ts'
import type { Config } from './config/config.ts'
import type { Database } from './database/database.ts'
import { type ResolvedConfig, readDeployment, resolveIssuer, saveDeployment } from './deployment/deployment.ts'
import type { Log } from './errors/log.ts'
import { revokeRefreshTokens } from './grants/refresh-family.ts'
import { createGrantServices, type GrantServices } from './grants/services.ts'
import { createKeys, type Keys } from './keys/keys.ts'
import { startListening } from './listen.ts'
import { createOAuthServices, type OAuthServices } from './oauth/services.ts'
import { openDatabase } from './open-database.ts'
import { type Catalogue, type CatalogueInput, createCatalogue, loadCatalogue } from './scopes/catalogue.ts'
import { writeStatusEvents } from './status/events.ts'
import { createStatusServices, type StatusServices } from './status/services.ts'
import { revokeIssuedByClient } from './tokens/revoke-issued.ts'
import { createTokenServices, type TokenServices } from './tokens/services.ts'
import { createUserServices, type UserServices } from './users/services.ts'

export interface ServicesOptions {
  config: Config
  /** In place of the SCOPES_FILE. */
  catalogue?: CatalogueInput | undefined
  /** In place of the one the configuration names; closed with the services. */
  db?: Database | undefined
  log?: Log | undefined
}

/** Every feature without its routes: what HTTP, the command line and an embedding application share. */
export interface Services
  extends UserServices,
    ClientServices,
    StatusServices,
    TokenServices,
    GrantServices,
    OAuthServices,
    AdminServices {
  config: Config
  catalogue: Catalogue
  db: Database
  bus: InvalidationBus
  keys: Keys
  /** Creates what has to exist: the signing keys and the personal access client. */
  ensureRows(): Promise<void>
  /** As `ensureRows`, and reserves a block of status indices, which issuing tokens needs. */
  ensure(): Promise<void>
  /** Stores the issuer, the catalogue and what else commands need to know. A server does so when it starts. */
  saveDeployment(): Promise<void>
  /** What the operator has to know at the start. */
  notice: string | undefined
  /** Receives the changes of other nodes and writes deferred status events. A short command need not. */
  listen(): void
  close(): Promise<void>
}

const silentLog: Log = { warn() {}, error() {} }

/** @throws StartupError in one line when the catalogue or the database cannot be opened */
export async function createServices(options: ServicesOptions): Promise<Services> {
  const { config: requested, log = silentLog } = options
  const catalogue = options.catalogue ? createCatalogue(options.catalogue) : loadCatalogue(requested.scopesFile)
  const db = options.db ?? (await openDatabase(requested))
  const { config, notice } = await resolveConfig(requested, db, options.db === undefined)
  const bus = createInvalidationBus(db, writeStatusEvents)
  const keys = createKeys({
    db,
    bus,
    appKey: config.appKey,
    algorithm: config.signingAlgorithm,
    onTampered: err => log.error({ err }, err.message),
  })
  const base = { config, catalogue, db, bus, keys, log }
  const users = createUserServices(base)
  const revocation = { revokeIssued: revokeIssuedByClient, revokeRefreshTokens }
  const clients = createClientServices({ ...base, revocation })
  const status = createStatusServices(base)
  const tokens = createTokenServices({ ...base, ...clients, takeStatusReference: status.indices.take })
  const grants = createGrantServices({ ...base, ...users, ...tokens })
  const oauth = createOAuthServices({ ...base, ...clients, ...grants })
  const admin = createAdminServices(db)
  const closers: (() => Promise<void>)[] = [db, users.throttle, status.lists, tokens.usage].map(it => () => it.close())

  async function ensureRows(): Promise<void> {
    await keys.ensure()
    await clients.clients.personalAccess()
  }

  return {
    config,
    catalogue,
    db,
    bus,
    keys,
    ...users,
    ...clients,
    ...status,
    ...tokens,
    ...grants,
    ...oauth,
    ...admin,
    notice,
    ensureRows,
    saveDeployment: () => saveDeployment(db, config, catalogue, options.catalogue !== undefined),
    async ensure() {
      await ensureRows()
      await status.indices.reserveBlock()
    },
    listen: () => void closers.push(...startListening({ ...base, ...status })),
    close: () => closeAll(closers.splice(0).reverse()),
  }
}

/** Closes each, also after a failure. @throws the first failure */
async function closeAll(closers: (() => Promise<void>)[]): Promise<void> {
  const failures: unknown[] = []
  for (const close of closers) await close().catch(error => failures.push(error))
  if (failures.length > 0) throw failures[0]
}

/** @throws StartupError when the database belongs to another issuer; then one that was opened here is closed */
async function resolveConfig(config: Config, db: Database, ownsDatabase: boolean): Promise<ResolvedConfig> {
  try {
    return resolveIssuer(config, await readDeployment(db))
  } catch (error) {
    if (ownsDatabase) await db.close().catch(() => {})
    throw error
  }
}
