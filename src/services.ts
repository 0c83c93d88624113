import { type AdminServices, createAdminServices } from './admin/services.ts'
import { type ClientServices, createClientServices } from './clients/services.ts'
import { createInvalidationBus, type InvalidationBus } from './cluster/invalidation-bus.ts'
import type { Config } from './config/config.ts'
import type { Database } from './database/database.ts'
import { type ResolvedConfig, readDeployment, resolveIssuer, saveDeployment } from './deployment/deployment.ts'
import type { Log } from './errors/log.ts'
import { createDocumentFetcher, type DocumentFetcher } from './fetch/documents.ts'
import { createForgetUser } from './former-person/forget-user.ts'
import { createTakeOwned } from './former-person/take-owned.ts'
import { revokeRefreshTokens } from './grants/revoke-grants.ts'
import { createGrantServices, type GrantServices } from './grants/services.ts'
import { createImportSources, type ImportSources } from './imported/sources.ts'
import { chooseActiveKey, requireActiveKey } from './keys/active-app-key.ts'
import { createKeys, type Keys } from './keys/keys.ts'
import type { Rewrap } from './keys/rewrap.ts'
import { startListening } from './listen.ts'
import { createMail, type Mail } from './mail/mail.ts'
import { createOAuthServices, type OAuthServices } from './oauth/services.ts'
import { createOidcServices, type OidcServices } from './oidc/services.ts'
import { openDatabase } from './open-database.ts'
import { createOperations, type Operations } from './operations/operations.ts'
import { createOwnTokens, type OwnTokens } from './own-users/own-tokens.ts'
import { createRewrap } from './rewrap.ts'
import { createFindProvisioned } from './scim/find-provisioned.ts'
import { createScimServices, type ScimServices } from './scim/services.ts'
import { type Catalogue, type CatalogueInput, createCatalogue, loadCatalogue } from './scopes/catalogue.ts'
import { createKeyRing, type KeyRing } from './security/key-ring.ts'
import { createServiceAccounts, type ServiceAccounts } from './service-accounts/accounts.ts'
import { writeStatusEvents } from './status/events.ts'
import { createStatusServices, type StatusServices } from './status/services.ts'
import { revokeIssuedByClient } from './tokens/revoke-issued.ts'
import { revokeNextTokens } from './tokens/revoke-many.ts'
import { createTokenServices, type TokenServices } from './tokens/services.ts'
import { createTrustServices, type TrustServices } from './trusts/services.ts'
import type { ApplicationUsers } from './users/application.ts'
import { createUserServices, type UserServices } from './users/services.ts'

export interface ServicesOptions {
  config: Config
  /** In place of the SCOPES_FILE. */
  catalogue?: CatalogueInput | undefined
  /** In place of the one the configuration names; closed with the services. */
  db?: Database | undefined
  log?: Log | undefined
  /** The users of the application that embeds the server. */
  users?: ApplicationUsers | undefined
}

/** Every feature without its routes: what HTTP, the command line and an embedding application share. */
export interface Services
  extends UserServices,
    OidcServices,
    ClientServices,
    StatusServices,
    TokenServices,
    GrantServices,
    TrustServices,
    OAuthServices,
    AdminServices {
  ownTokens: OwnTokens
  config: Config
  catalogue: Catalogue
  db: Database
  bus: InvalidationBus
  /** `APP_KEY` and those before it. */
  keyRing: KeyRing
  /** `postern keys rewrap`. */
  rewrap: Rewrap
  keys: Keys
  /** Fetches the documents and keys of clients. */
  documents: DocumentFetcher
  mail: Mail
  /** Work that goes on in the background. */
  operations: Operations
  /** Users and groups of a directory. */
  scim: ScimServices
  importSources: ImportSources
  serviceAccounts: ServiceAccounts
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

/** What is revoked with a client. */
const revocation = { revokeIssued: revokeIssuedByClient, revokeRefreshTokens, revokeTokens: revokeNextTokens }

/** What all features share. @throws StartupError */
async function createBase({ config: requested, db: given, log = silentLog, ...options }: ServicesOptions) {
  const catalogue = options.catalogue ? createCatalogue(options.catalogue) : loadCatalogue(requested.scopesFile)
  const db = given ?? (await openDatabase(requested))
  const { config, notice } = await resolveConfig(requested, db, given === undefined)
  const bus = createInvalidationBus(db, writeStatusEvents)
  const keyRing = createKeyRing(config.appKey, config.appKeyPrevious)
  await chooseActiveKey(db, keyRing)
  const onTampered = (err: Error) => log.error({ err }, err.message)
  const { signingAlgorithm: algorithm, tokenPrefix } = config
  const keys = createKeys({ db, bus, keyRing, algorithm, tokenPrefix, onTampered })
  const onError = (err: unknown, operation?: string) => log.error({ err, operation }, 'a batch of an operation failed')
  const operations = createOperations({ db, bus, onError })
  const fetching = { allowLoopback: config.fetchLoopback, allowedNetworks: config.fetchNetworks }
  const documents = createDocumentFetcher(fetching)
  // Their own, so that the documents of strangers cannot take the slots of the issuers that an administrator trusts.
  const trustDocuments = createDocumentFetcher(fetching)
  const mail = createMail({ db, config, log })
  const importSources = createImportSources(db, bus)
  const shared = { config, notice, catalogue, db, bus, keyRing, keys, operations, documents, trustDocuments, mail }
  return { ...shared, importSources, log, application: options.users }
}

/** @throws StartupError in one line when the catalogue or the database cannot be opened */
export async function createServices(options: ServicesOptions): Promise<Services> {
  const base = await createBase(options)
  const { config, catalogue, db, bus, keyRing, keys, mail, operations } = base
  const takeOwned = createTakeOwned({ mail, revocation })
  const forgetUser = createForgetUser(operations, takeOwned)
  const users = createUserServices({ ...base, forgetUser })
  const oidc = createOidcServices({ ...base, ...users, findProvisioned: createFindProvisioned(db) })
  const clients = createClientServices({ ...base, ...users, revocation })
  const status = createStatusServices(base)
  const tokens = createTokenServices({ ...base, ...users, ...clients, takeStatusReference: status.indices.take })
  const grants = createGrantServices({ ...base, ...users, ...clients, ...tokens })
  const trusts = createTrustServices({
    ...base,
    ...users,
    ...clients,
    ...tokens,
    ...grants,
    documents: base.trustDocuments,
  })
  const oauth = createOAuthServices({ ...base, ...clients, ...grants })
  const scim = createScimServices({ ...base, ...users, takeOwned })
  const ownTokens = createOwnTokens({ ...users, ...tokens, catalogue, forgetUser })
  const admin = createAdminServices({ db, ...tokens, ...clients })
  const serviceAccounts = createServiceAccounts({ ...base, ...users })
  const closers: (() => Promise<void>)[] = [db, users.throttle, status.lists, tokens.usage].map(it => () => it.close())

  async function ensureRows(): Promise<void> {
    await keys.ensure()
    await requireActiveKey(db, keyRing)
    await clients.clients.personalAccess()
  }

  return {
    config,
    catalogue,
    db,
    bus,
    keyRing,
    rewrap: createRewrap({ db, bus, keyRing, appKey: config.appKey }),
    keys,
    documents: base.documents,
    mail,
    operations,
    importSources: base.importSources,
    scim,
    ...users,
    ...oidc,
    ...clients,
    ...status,
    ...tokens,
    ...grants,
    ...trusts,
    ...oauth,
    ...admin,
    ownTokens,
    serviceAccounts,
    notice: base.notice,
    ensureRows,
    saveDeployment: () => saveDeployment(db, config, catalogue, options.catalogue !== undefined),
    async ensure() {
      await ensureRows()
      await status.indices.reserveBlock()
    },
    listen: () => void closers.push(...startListening({ ...base, ...status, ...users, scim })),
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
