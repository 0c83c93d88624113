import { hostname } from 'node:os'
import type { Authenticate } from '../packages/guard/src/requirements.ts'
import { createVerifier } from '../packages/guard/src/verifier.ts'
import { createDisplayNames, type DisplayNames } from './admin/display-names.ts'
import { createStatistics, type ReadStatistics } from './admin/statistics.ts'
import { type AuditLog, createAuditLog } from './audit/log.ts'
import { type ClientAuthentication, createClientAuthentication } from './clients/authenticate.ts'
import { type Clients, createClients } from './clients/clients.ts'
import { createExplorer, type EnsureExplorer } from './clients/explorer.ts'
import { createResources, type Resources } from './clients/resources.ts'
import { createInvalidationBus, type InvalidationBus } from './cluster/invalidation-bus.ts'
import { startListener } from './cluster/listener.ts'
import type { Config } from './config/config.ts'
import type { Database } from './database/database.ts'
import { type ResolvedConfig, readDeployment, resolveIssuer, saveDeployment } from './deployment/deployment.ts'
import type { Log } from './errors/log.ts'
import { authorizationCode } from './grants/authorization-code.ts'
import { type Authorizations, createAuthorizations } from './grants/authorizations.ts'
import { clientCredentials } from './grants/client-credentials.ts'
import { createDevice, type Device } from './grants/device.ts'
import { DEVICE_CODE, deviceGrant } from './grants/device-grant.ts'
import { TOKEN_EXCHANGE, tokenExchange } from './grants/exchange.ts'
import type { Grants } from './grants/grant.ts'
import { createIssueForGrant } from './grants/issue.ts'
import { type ClientPolicy, createClientPolicy } from './grants/policy.ts'
import { createRefresh, type Refresh } from './grants/refresh.ts'
import { createSignOut, type SignOut } from './grants/sign-out.ts'
import { createKeys, type Keys } from './keys/keys.ts'
import { type AuthorizeRequests, createAuthorizeRequests } from './oauth/authorize-request.ts'
import { createPushedRequests, type PushedRequests } from './oauth/pushed.ts'
import { openDatabase } from './open-database.ts'
import { type Catalogue, type CatalogueInput, createCatalogue, loadCatalogue } from './scopes/catalogue.ts'
import { startDeferredEvents } from './status/deferred-events.ts'
import { writeStatusEvents } from './status/events.ts'
import { createFeed, type Feed } from './status/feed.ts'
import { startHeartbeat } from './status/heartbeat.ts'
import { createStatusIndexAllocator } from './status/indices.ts'
import { createStatusLists, type StatusLists } from './status/lists.ts'
import { createAuthenticate, toCacheEntry } from './tokens/authenticate.ts'
import { createTokenAdmin, type TokenAdmin } from './tokens/bulk.ts'
import { createTokenInserter } from './tokens/insert-batch.ts'
import { createInspect, type Inspect, toInspectEntry } from './tokens/inspect.ts'
import { createMint } from './tokens/mint.ts'
import { createTokenRecords } from './tokens/records.ts'
import { createRemovedScopes, type ListRemovedScopes } from './tokens/removed-scopes.ts'
import { createTokenRevoker, type RevokeToken } from './tokens/revoke-batch.ts'
import { createTargets } from './tokens/target.ts'
import { createTokens, type Tokens } from './tokens/tokens.ts'
import { createUsage, type Usage } from './tokens/usage.ts'
import { createSessions, type Sessions } from './users/sessions.ts'
import { createSignIn, type SignIn } from './users/sign-in.ts'
import { createThrottle, type Throttle } from './users/throttle.ts'
import { createUsers, type Users } from './users/users.ts'

export interface ServicesOptions {
  config: Config
  /** In place of the SCOPES_FILE. */
  catalogue?: CatalogueInput | undefined
  /** In place of the one the configuration names; closed with the services. */
  db?: Database | undefined
  log?: Log | undefined
}

/** Every room without its routes: what HTTP, the command line and an embedding application share. */
export interface Services {
  config: Config
  catalogue: Catalogue
  db: Database
  bus: InvalidationBus
  keys: Keys
  users: Users
  throttle: Throttle
  signIn: SignIn
  sessions: Sessions
  clients: Clients
  ensureExplorer: EnsureExplorer
  /** The APIs that tokens can be meant for. */
  resources: Resources
  tokens: Tokens
  /** One token, whosever it is. */
  revokeToken: RevokeToken
  usage: Usage
  /** Scopes that live tokens have and the catalogue has no longer. */
  removedScopes: ListRemovedScopes
  /** Since the start of this process. */
  counters: { readonly issued: number }
  authenticate: Authenticate
  inspect: Inspect
  tokenAdmin: TokenAdmin
  auditLog: AuditLog
  readStatistics: ReadStatistics
  displayNames: DisplayNames
  signOut: SignOut
  lists: StatusLists
  feed: Feed
  authorizations: Authorizations
  clientAuthentication: ClientAuthentication
  policy: ClientPolicy
  refresh: Refresh
  pushedRequests: PushedRequests
  authorizeRequests: AuthorizeRequests
  device: Device
  grants: Grants
  /** Makes what has to exist: the signing keys and the personal access client. */
  ensureRows(): Promise<void>
  /** As `ensureRows`, and reserves a block of status indices: for whoever issues tokens. */
  ensure(): Promise<void>
  /** Writes down the issuer, the catalogue and what else commands need to know; a server does so when it starts. */
  saveDeployment(): Promise<void>
  /** What whoever starts the server has to know. */
  notice: string | undefined
  /** Hears what other nodes change, and writes status events that were postponed; a command that ends at once need not. */
  listen(): void
  close(): Promise<void>
}

const silentLog: Log = { warn() {}, error() {} }

/** @throws StartupError in one line when the catalogue or the database cannot be opened */
export async function createServices({
  config: requestedConfig,
  catalogue: input,
  db: givenDatabase,
  log = silentLog,
}: ServicesOptions): Promise<Services> {
  const catalogue = input ? createCatalogue(input) : loadCatalogue(requestedConfig.scopesFile)
  const db = givenDatabase ?? (await openDatabase(requestedConfig))
  const { config, notice } = await resolveConfig(requestedConfig, db, givenDatabase === undefined)
  const bus = createInvalidationBus(db, writeStatusEvents)
  const keys = createKeys({
    db,
    bus,
    appKey: config.appKey,
    algorithm: config.signingAlgorithm,
    onTampered: err => log.error({ err }, err.message),
  })
  const users = createUsers(db, bus)
  const throttle = createThrottle(config.redisUrl)
  const clients = createClients({ db, bus, catalogue, config })
  const resources = createResources({ db, bus, catalogue, config })
  const targets = createTargets({ resources, catalogue, config })
  const indices = createStatusIndexAllocator(db, config.appKey, config.tokenMaxLifetime)
  const counters = { issued: 0 }
  const onMint = () => void counters.issued++
  const mint = createMint({ keys, takeStatusReference: indices.take, config, onMint })
  const insertRow = createTokenInserter(db, config)
  const revokeToken = createTokenRevoker(db, bus)
  const usage = createUsage({
    db,
    inherit: catalogue.inherit,
    onError: err => log.error({ err }, 'could not write when tokens were last used'),
  })
  const tokens = createTokens({ db, bus, catalogue, clients, targets, mint, insertRow, revokeToken, usage, config })
  const { issuer, audience } = config
  const key = keys.verificationKey
  const previousIssuers = config.issuerPrevious
  const issuers = [issuer, ...previousIssuers]
  const verifier = createVerifier({
    key,
    issuer: issuers,
    audience: [audience, issuer, ...previousIssuers],
    toEntry: toCacheEntry,
  })
  // A token of a previous issuer that named no resource is good where today's are.
  const toOwnCacheEntry: typeof toInspectEntry = token =>
    toInspectEntry(
      previousIssuers.includes(String(token.payload.aud))
        ? { ...token, payload: { ...token.payload, aud: audience } }
        : token,
    )
  const anyAudienceVerifier = createVerifier({
    key,
    issuer: issuers,
    audience: null,
    toEntry: toOwnCacheEntry,
    cacheSize: 50_000,
  })
  const forget = () => [verifier, anyAudienceVerifier].forEach(memory => void memory.clear())
  bus.subscribe(({ kind }) => {
    if (kind === 'keys' || kind === 'everything') forget()
  })
  // Again once the keys are looked at: what was verified meanwhile may hold by a key that is gone.
  keys.observe(forget)
  const records = createTokenRecords(db, bus, catalogue, { onUse: usage.noteScopes })
  const authenticate = createAuthenticate({ verifier, records, usage, config })
  const inspect = createInspect({ verifier: anyAudienceVerifier, records, config })
  const clientAuthentication = createClientAuthentication({ db, bus, issuer })
  const policy = createClientPolicy({ catalogue, targets, config })
  const refresh = createRefresh({ bus, mint, policy, config })
  const pushedRequests = createPushedRequests(db)
  const authorizeRequests = createAuthorizeRequests({ clientAuthentication, policy, pushedRequests })
  const issueForGrant = createIssueForGrant({ mint, policy, refresh })
  const device = createDevice({ db, policy, throttle, config })
  const grants: Grants = {
    authorization_code: authorizationCode({ bus, db, policy, issueForGrant }),
    client_credentials: clientCredentials({ policy, mint, insertRow }),
    refresh_token: refresh.grant,
    [DEVICE_CODE]: deviceGrant({ db, policy, issueForGrant }),
    [TOKEN_EXCHANGE]: tokenExchange({ db, catalogue, policy, mint, authenticate, inspect, targets, config }),
  }
  const lists = createStatusLists({
    db,
    bus,
    keys,
    issuer,
    ttl: config.statusListTtl,
    onError: err => log.warn({ err }, 'could not read the changes of statuses'),
  })
  const feed = createFeed(db, lists, keys)
  const closers: (() => Promise<void>)[] = [
    () => db.close(),
    () => throttle.close(),
    () => lists.close(),
    () => usage.close(),
  ]

  async function ensureRows(): Promise<void> {
    await keys.ensure()
    await clients.personalAccess()
  }

  return {
    config,
    catalogue,
    db,
    bus,
    keys,
    users,
    throttle,
    signIn: createSignIn({ db, users, throttle }),
    sessions: createSessions(db, config),
    clients,
    resources,
    ensureExplorer: createExplorer({ bus, catalogue }),
    tokens,
    revokeToken,
    usage,
    removedScopes: createRemovedScopes(db, catalogue),
    counters,
    authenticate,
    inspect,
    tokenAdmin: createTokenAdmin(db, bus),
    auditLog: createAuditLog(db),
    readStatistics: createStatistics(db),
    displayNames: createDisplayNames(db),
    signOut: createSignOut(bus),
    lists,
    feed,
    authorizations: createAuthorizations({ db, bus, usage }),
    clientAuthentication,
    policy,
    pushedRequests,
    authorizeRequests,
    refresh,
    device,
    grants,
    notice,
    saveDeployment: () => saveDeployment(db, config, catalogue, input !== undefined),
    ensureRows,
    async ensure() {
      await ensureRows()
      await indices.reserveBlock()
    },
    listen() {
      const pending = startDeferredEvents({
        bus,
        onError: err => log.error({ err }, 'could not write the status events of a user or client with many tokens'),
      })
      closers.push(() => pending.close())
      if (db.embedded || !config.listenUrl) return
      const stopLooking = keys.startRefreshing()
      const listener = startListener({ url: config.listenUrl, db, bus, log })
      const name = `${hostname()}:${process.pid}`.slice(0, 255)
      const heartbeat = startHeartbeat({ db, bus, lists, feed, name })
      closers.push(
        async () => stopLooking(),
        () => listener.close(),
        () => heartbeat.close(),
      )
    },
    async close() {
      const failures: unknown[] = []
      // What follows, the database last, is closed all the same.
      for (const close of closers.splice(0).reverse()) await close().catch(error => failures.push(error))
      if (failures.length > 0) throw failures[0]
    },
  }
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
