import { hostname } from 'node:os'
import type { Authenticate } from '../packages/guard/src/needs.ts'
import { createVerifier } from '../packages/guard/src/verifier.ts'
import { createFigures, type ReadFigures } from './admin/figures.ts'
import { createNames, type Names } from './admin/names.ts'
import { createTrail, type Trail } from './audit/trail.ts'
import { type ClientAuthentication, createClientAuthentication } from './clients/authenticate.ts'
import { type Clients, createClients } from './clients/clients.ts'
import { createExplorer, type EnsureExplorer } from './clients/explorer.ts'
import { createResources, type Resources } from './clients/resources.ts'
import { type Changes, createChanges } from './cluster/changes.ts'
import { startListener } from './cluster/listener.ts'
import type { Config } from './config/config.ts'
import type { Database } from './database/database.ts'
import { readDeployment, type Settled, saveDeployment, settleIssuer } from './deployment/deployment.ts'
import type { Log } from './errors/log.ts'
import { authorizationCode } from './grants/authorization-code.ts'
import { type Authorizations, createAuthorizations } from './grants/authorizations.ts'
import { createBegin } from './grants/begin.ts'
import { clientCredentials } from './grants/client-credentials.ts'
import { createDevice, type Device } from './grants/device.ts'
import { DEVICE_CODE, deviceGrant } from './grants/device-grant.ts'
import { TOKEN_EXCHANGE, tokenExchange } from './grants/exchange.ts'
import type { Grants } from './grants/grant.ts'
import { createRefresh, type Refresh } from './grants/refresh.ts'
import { createSignOut, type SignOut } from './grants/sign-out.ts'
import { createTerms, type Terms } from './grants/terms.ts'
import { createKeys, type Keys } from './keys/keys.ts'
import { type AuthorizeRequests, createAuthorizeRequests } from './oauth/authorize-request.ts'
import { createPushedRequests, type PushedRequests } from './oauth/pushed.ts'
import { openDatabase } from './open-database.ts'
import { type Catalogue, type CatalogueInput, createCatalogue, loadCatalogue } from './scopes/catalogue.ts'
import { writeEvents } from './status/events.ts'
import { createFeed, type Feed } from './status/feed.ts'
import { createIndices } from './status/indices.ts'
import { createLists, type Lists } from './status/lists.ts'
import { startPending } from './status/pending.ts'
import { startPositions } from './status/positions.ts'
import { createAuthenticate, keepProved } from './tokens/authenticate.ts'
import { createInspect, type Inspect, keepSigned } from './tokens/inspect.ts'
import { createLeftScopes, type LeftScopes } from './tokens/left-scopes.ts'
import { createMint } from './tokens/mint.ts'
import { createRecords } from './tokens/records.ts'
import { createRevoker, type RevokeOne } from './tokens/revoker.ts'
import { createSelection, type Selection } from './tokens/selection.ts'
import { createTargets } from './tokens/target.ts'
import { createTokens, type Tokens } from './tokens/tokens.ts'
import { createUsage, type Usage } from './tokens/usage.ts'
import { createWriter } from './tokens/writer.ts'
import { createSessions, type Sessions } from './users/sessions.ts'
import { createSignIn, type SignIn } from './users/sign-in.ts'
import { createThrottle, type Throttle } from './users/throttle.ts'
import { createUsers, type Users } from './users/users.ts'

export interface HouseOptions {
  config: Config
  /** In place of the SCOPES_FILE. */
  catalogue?: CatalogueInput | undefined
  /** In place of the one the configuration names; closed with the house. */
  db?: Database | undefined
  log?: Log | undefined
}

/** Every room without its routes: what HTTP, the command line and an embedding application share. */
export interface House {
  config: Config
  catalogue: Catalogue
  db: Database
  changes: Changes
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
  revokeOne: RevokeOne
  usage: Usage
  /** Scopes that live tokens have and the catalogue has no longer. */
  leftScopes: LeftScopes
  /** Since the start of this process. */
  counts: { readonly issued: number }
  authenticate: Authenticate
  inspect: Inspect
  selection: Selection
  trail: Trail
  figures: ReadFigures
  names: Names
  signOut: SignOut
  lists: Lists
  feed: Feed
  authorizations: Authorizations
  clientAuthentication: ClientAuthentication
  terms: Terms
  refresh: Refresh
  pushedRequests: PushedRequests
  authorizeRequests: AuthorizeRequests
  device: Device
  grants: Grants
  /** Makes what has to exist: the signing keys and the personal access client. */
  ensureStored(): Promise<void>
  /** As `ensureStored`, and reserves a block of status indices: for whoever issues tokens. */
  ensure(): Promise<void>
  /** Writes down the issuer, the catalogue and what else commands need to know; a server does so when it starts. */
  saveDeployment(): Promise<void>
  /** What whoever starts the server has to know. */
  notice: string | undefined
  /** Hears what other nodes change, and writes status events that were postponed; a command that ends at once need not. */
  listen(): void
  close(): Promise<void>
}

const quiet: Log = { warn() {}, error() {} }

/** @throws StartupError in one line when the catalogue or the database cannot be opened */
export async function openHouse({
  config: wanted,
  catalogue: input,
  db: given,
  log = quiet,
}: HouseOptions): Promise<House> {
  const catalogue = input ? createCatalogue(input) : loadCatalogue(wanted.scopesFile)
  const db = given ?? (await openDatabase(wanted))
  const { config, notice } = await settled(wanted, db, given === undefined)
  const changes = createChanges(db, writeEvents)
  const keys = createKeys({
    db,
    changes,
    appKey: config.appKey,
    algorithm: config.signingAlgorithm,
    onTampered: err => log.error({ err }, err.message),
  })
  const users = createUsers(db, changes)
  const throttle = createThrottle(config.redisUrl)
  const clients = createClients({ db, changes, catalogue, config })
  const resources = createResources({ db, changes, catalogue, config })
  const targets = createTargets({ resources, catalogue, config })
  const indices = createIndices(db, config.appKey, config.tokenMaxLifetime)
  const counts = { issued: 0 }
  const onMint = () => void counts.issued++
  const mint = createMint({ keys, takeIndex: indices.take, config, onMint })
  const write = createWriter(db, config)
  const revokeOne = createRevoker(db, changes)
  const usage = createUsage({
    db,
    inherit: catalogue.inherit,
    onError: err => log.error({ err }, 'could not write when tokens were last used'),
  })
  const tokens = createTokens({ db, changes, catalogue, clients, targets, mint, write, revokeOne, usage, config })
  const { issuer, audience } = config
  const key = keys.verificationKey
  const before = config.issuerPrevious
  const issuers = [issuer, ...before]
  const verifier = createVerifier({ key, issuer: issuers, audience: [audience, issuer, ...before], keep: keepProved })
  // A token of a previous issuer that named no resource is good where today's are.
  const keepMeant: typeof keepSigned = token =>
    keepSigned(
      before.includes(String(token.payload.aud)) ? { ...token, payload: { ...token.payload, aud: audience } } : token,
    )
  const anyVerifier = createVerifier({ key, issuer: issuers, audience: null, keep: keepMeant, remember: 50_000 })
  const forget = () => [verifier, anyVerifier].forEach(memory => void memory.forget())
  changes.subscribe(({ kind }) => {
    if (kind === 'keys' || kind === 'everything') forget()
  })
  // Again once the keys are looked at: what was verified meanwhile may hold by a key that is gone.
  keys.watch(forget)
  const records = createRecords(db, changes, catalogue, { onUse: usage.exercise })
  const authenticate = createAuthenticate({ verifier, records, usage, config })
  const inspect = createInspect({ verifier: anyVerifier, records, config })
  const clientAuthentication = createClientAuthentication({ db, changes, issuer })
  const terms = createTerms({ catalogue, targets, config })
  const refresh = createRefresh({ changes, mint, terms, config })
  const pushedRequests = createPushedRequests(db)
  const authorizeRequests = createAuthorizeRequests({ clientAuthentication, terms, pushedRequests })
  const begin = createBegin({ mint, terms, refresh })
  const device = createDevice({ db, terms, throttle, config })
  const grants: Grants = {
    authorization_code: authorizationCode({ changes, db, terms, begin }),
    client_credentials: clientCredentials({ terms, mint, write }),
    refresh_token: refresh.grant,
    [DEVICE_CODE]: deviceGrant({ db, terms, begin }),
    [TOKEN_EXCHANGE]: tokenExchange({ db, catalogue, terms, mint, authenticate, inspect, targets, config }),
  }
  const lists = createLists({
    db,
    changes,
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

  async function ensureStored(): Promise<void> {
    await keys.ensure()
    await clients.personalAccess()
  }

  return {
    config,
    catalogue,
    db,
    changes,
    keys,
    users,
    throttle,
    signIn: createSignIn({ db, users, throttle }),
    sessions: createSessions(db, config),
    clients,
    resources,
    ensureExplorer: createExplorer({ changes, catalogue }),
    tokens,
    revokeOne,
    usage,
    leftScopes: createLeftScopes(db, catalogue),
    counts,
    authenticate,
    inspect,
    selection: createSelection(db, changes),
    trail: createTrail(db),
    figures: createFigures(db),
    names: createNames(db),
    signOut: createSignOut(changes),
    lists,
    feed,
    authorizations: createAuthorizations({ db, changes, usage }),
    clientAuthentication,
    terms,
    pushedRequests,
    authorizeRequests,
    refresh,
    device,
    grants,
    notice,
    saveDeployment: () => saveDeployment(db, config, catalogue, input !== undefined),
    ensureStored,
    async ensure() {
      await ensureStored()
      await indices.prepare()
    },
    listen() {
      const pending = startPending({
        changes,
        onError: err => log.error({ err }, 'could not write the status events of a user or client with many tokens'),
      })
      closers.push(() => pending.close())
      if (db.embedded || !config.listenUrl) return
      const stopLooking = keys.keepUp()
      const listener = startListener({ url: config.listenUrl, db, changes, log })
      const name = `${hostname()}:${process.pid}`.slice(0, 255)
      const positions = startPositions({ db, changes, lists, feed, name })
      closers.push(
        async () => stopLooking(),
        () => listener.close(),
        () => positions.close(),
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
async function settled(config: Config, db: Database, own: boolean): Promise<Settled> {
  try {
    return settleIssuer(config, await readDeployment(db))
  } catch (error) {
    if (own) await db.close().catch(() => {})
    throw error
  }
}
