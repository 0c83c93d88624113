import { issuerUnavailable } from '../errors.ts'
import { normalizeIssuer } from '../issuer-url.ts'
import { plainHttpWarning } from '../plain-http.ts'
import type { Authenticate } from '../requirements.ts'
import type { OnUse } from '../token.ts'
import { createTokenWatcher } from '../token-watcher.ts'
import { createVerifier } from '../verifier.ts'
import { createAudienceRule } from './audience-check.ts'
import { createClock } from './clock.ts'
import { FeedConnection } from './feed-connection.ts'
import { createHttpClient } from './http.ts'
import { createIntrospect } from './introspection.ts'
import { createIntrospectionCache } from './introspection-cache.ts'
import { Introspector } from './introspector.ts'
import { createIssuerClient, type IssuerClient } from './issuer.ts'
import { isIssuerRefusal } from './issuer-refusal.ts'
import { LostRevocations } from './lost-revocations.ts'
import { startMaintenance } from './maintenance.ts'
import { createMonitor, type GuardHealth, type Monitor } from './monitor.ts'
import { createOpaqueTexts } from './opaque.ts'
import { checkRemoteOptions, credentialsMissing, credentialsOf, type RemoteOptions } from './options.ts'
import { createRevocationReporter } from './revocation-reporter.ts'
import { createRemoteStatusLists } from './status-lists.ts'
import { createTokenCheck } from './token-check.ts'
import { createUsageReporter, type UsageReporter } from './usage-reporter.ts'
import { createEntryMapper } from './verified-token.ts'

export type { RemoteOptions } from './options.ts'

/** A guard of a remote issuer, independent of the framework. */
export interface Remote {
  authenticate: Authenticate
  /**
   * Resolves when the keys are loaded, and the feed is connected if the guard has a client. The guard works before that, with
   * requests to the issuer where necessary.
   * @throws PosternError `issuer_refused` when the issuer permanently refuses the guard, with what to do; 503 while the issuer
   *   cannot be reached
   */
  ready(): Promise<void>
  /** The connection to the issuer, for health checks and metrics. Makes no request. */
  health(): GuardHealth
  /** The sequence number of the last event received; undefined without a feed. */
  readonly position: number | undefined
  /** Bytes of the status lists in memory. */
  readonly bytes: number
  /** Disconnects from the issuer and sends the remaining usage reports. */
  close(): Promise<void>
}

const logToConsole = (error: Error) => console.error(error.message)

/**
 * Checks tokens of a remote issuer from memory: the signature by the issuer's published keys (RFC 9068), the status by its
 * status lists and event feed. The guard introspects (RFC 7662) an opaque text, a token whose scopes or expiry changed, and a
 * token whose status is too old. Use it where no adapter fits; `guard`, `expressGuard`, `honoGuard` and `nodeGuard` take the
 * same options.
 * @param onRefused called once for each permanent refusal by the issuer. Default: logs the message to the console
 * @throws TypeError that names an option that is missing or empty
 * @example
 * const remote = createRemote({ issuer: 'https://id.example.com', audience: 'https://orders.example.com' })
 * await remote.ready()
 * const token = await remote.authenticate(text) // throws PosternError 401 or 503
 * if (token.can('orders:read')) listOrders(token.userId)
 * await remote.close()
 */
export function createRemote(options: RemoteOptions, onRefused: (error: Error) => void = logToConsole): Remote {
  checkRemoteOptions('guard', options)
  const { maxStalenessSeconds = 60, inherit = false, cacheSize = 100_000 } = options
  const { url, issuers, credentials, clock, http, monitor, issuer, rule } = connect(options, onRefused)
  const { key } = issuer.keys
  const usageReporter = options.reportUsage ? reporterFor({ issuer, http, monitor, credentials }) : undefined
  const onUse: OnUse | undefined = usageReporter && ((id, scopes) => usageReporter.add(id, clock.now(), scopes))
  const { lost, reporter: revocationReporter } = lostRevocations({ issuer, http, credentials })
  const feed = new FeedConnection()
  const statusLists = createRemoteStatusLists({
    issuer: url,
    issuers,
    http,
    monitor,
    key,
    clock,
    lost,
    isFeedAlive: feed.isAlive,
    maxStalenessMs: maxStalenessSeconds * 1_000,
  })
  const { toStatusReference } = statusLists
  const verifier = createVerifier({
    key,
    issuer: issuers,
    audience: rule.accepts,
    toEntry: createEntryMapper({ inherit, toStatusReference, onUse }),
    cacheSize,
    now: clock.now,
  })
  const introspect = createIntrospect({
    endpoint: async () => (await issuer.metadata()).introspection_endpoint,
    http,
    credentials,
    monitor,
    issuer: url,
    accepts: rule.accepts,
    inherit,
    toStatusReference,
    onUse,
  })
  const introspectionCache = createIntrospectionCache(cacheSize)
  issuer.onChange(() => {
    verifier.clear()
    introspectionCache.clear()
  })
  const introspector = new Introspector({ introspect, cache: introspectionCache, statusLists, feed, http, clock })
  const opaque = createOpaqueTexts({
    issuer,
    canIntrospect: credentials !== undefined,
    introspect: text => introspector.introspect(text),
    onMissingClient: onRefused,
  })
  if (credentials) feed.follow({ issuer, credentials, monitor, statusLists, introspectionCache, opaque })
  const stopMaintenance = startMaintenance(issuer, statusLists)
  const check = createTokenCheck({ verifier, statusLists, introspector, opaque, http, clock })
  const tokenWatcher = createTokenWatcher(check, maxStalenessSeconds * 1_000)

  return {
    authenticate: tokenWatcher.authenticate,
    async ready() {
      await issuer.keys.refresh().catch(error => {
        throw isIssuerRefusal(error) ? error : issuerUnavailable(error)
      })
      if (rule.refusal) throw rule.refusal
      await feed.started()
    },
    health: () => healthOf(monitor, issuer, feed, statusLists.stale),
    get position() {
      return feed.position
    },
    get bytes() {
      return statusLists.bytes
    },
    async close() {
      stopMaintenance()
      tokenWatcher.close()
      await Promise.all([feed.close(), usageReporter?.close(), revocationReporter?.close()])
    },
  }
}

/** Creates the client of the issuer, and the audience rule, which depends on its metadata. */
function connect(options: RemoteOptions, onRefused: (error: Error) => void) {
  const url = issuerUrlOf(options)
  const http = createHttpClient()
  const monitor = createMonitor(onRefused)
  const issuer = createIssuerClient({ url, http, monitor })
  const issuers = () => [url, ...(issuer.current?.previous_issuers ?? [])]
  const rule = createAudienceRule(options.audience, issuer, monitor)
  return { url, issuers, credentials: credentialsOf(options), clock: createClock(), http, monitor, issuer, rule }
}

type ReporterParts = Pick<ReturnType<typeof connect>, 'issuer' | 'http' | 'monitor' | 'credentials'>

function reporterFor({ issuer, http, monitor, credentials }: ReporterParts): UsageReporter {
  const url = async () => (await issuer.metadata()).token_usage_endpoint
  return createUsageReporter({ url, http, monitor, credentials: credentials ?? credentialsMissing('reportUsage') })
}

/** A guard without a client has nobody to report them as. */
function lostRevocations({ issuer, http, credentials }: Pick<ReporterParts, 'issuer' | 'http' | 'credentials'>) {
  const lost = new LostRevocations()
  const url = async () => (await issuer.metadata()).lost_revocations_endpoint
  return { lost, reporter: credentials && createRevocationReporter({ url, http, credentials, lost }) }
}

/** Normalizes the issuer, and warns of one without TLS on a public address. */
function issuerUrlOf({ issuer }: RemoteOptions): string {
  const url = normalizeIssuer(issuer) as string
  const insecure = plainHttpWarning(url)
  if (insecure) process.emitWarning(insecure, 'PosternWarning')
  return url
}

function healthOf(
  { problems, refusal }: Monitor,
  { keys }: IssuerClient,
  feed: FeedConnection,
  stale: boolean | undefined,
): GuardHealth {
  const hasStarted = keys.loaded && feed.hasStarted
  const degraded = feed.isLost || problems.length > 0
  const status = refusal ? 'failed' : !hasStarted ? 'starting' : degraded ? 'degraded' : 'ok'
  return { status, keys: keys.loaded, feed: feed.state, stale: stale ?? degraded, problems }
}
