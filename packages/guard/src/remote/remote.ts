import { invalidToken, issuerUnavailable } from '../errors.ts'
import { normalizeIssuer } from '../issuer-url.ts'
import { plainHttpWarning } from '../plain-http.ts'
import { PosternError } from '../postern-error.ts'
import type { Authenticate } from '../requirements.ts'
import { STATUS } from '../status-bits.ts'
import type { OnUse, Token } from '../token.ts'
import { createTokenWatcher } from '../token-watcher.ts'
import { createVerifier } from '../verifier.ts'
import { createAudienceRule } from './audience-check.ts'
import { createClock } from './clock.ts'
import { type FeedClient, followFeed } from './feed.ts'
import { type Credentials, createHttpClient } from './http.ts'
import { createIntrospect } from './introspection.ts'
import { type CachedIntrospection, createIntrospectionCache } from './introspection-cache.ts'
import { createIssuerClient } from './issuer.ts'
import { isIssuerRefusal } from './issuer-refusal.ts'
import { createMonitor, type GuardHealth } from './monitor.ts'
import { createOpaqueTexts } from './opaque.ts'
import { checkRemoteOptions } from './options.ts'
import { createRemoteStatusLists } from './status-lists.ts'
import { valueWithin } from './timeout.ts'
import { createUsageReporter } from './usage-reporter.ts'
import { createEntryMapper, type VerifiedToken } from './verified-token.ts'

export interface RemoteOptions {
  /** As it stands in the metadata; a slash at its end makes no difference. */
  issuer: string
  /**
   * The URI of this resource server, or several. Tokens for the whole deployment are accepted too. Omitted: only these,
   * by the `deployment_audience` of the issuer's metadata.
   */
  audience?: string | readonly string[]
  /** With a client of its own the guard follows the feed and may introspect. */
  clientId?: string | undefined
  clientSecret?: string | undefined
  /** Seconds that a token is accepted on what was last known of it while the issuer cannot be reached. Default 60. */
  maxStaleness?: number
  /** The catalogue of the issuer lets `a` grant `a:b`. */
  inherit?: boolean
  /** Tokens held in memory. */
  cacheSize?: number
  /** Tells the issuer, every ten seconds, when tokens were last used here and which scopes were asked for. Default false. */
  reportUsage?: boolean
}

export interface Remote {
  authenticate: Authenticate
  /**
   * Settles when the keys are here, and the feed if it is followed; the guard works before, asking as it goes.
   * @throws a refusal that waiting will not mend, with what to do; 503 when the issuer cannot be reached now
   */
  ready(): Promise<void>
  /** How it is with the issuer now; makes no request. */
  health(): GuardHealth
  /** The last change it has heard of; undefined without a feed. */
  readonly position: number | undefined
  /** Bytes that the statuses take in memory. */
  readonly bytes: number
  close(): Promise<void>
}

/** Milliseconds without a sign of life after which the feed is not relied on. It shows one every quarter of a second. */
const FEED_TIMEOUT_MS = 1_000
const MAINTENANCE_INTERVAL_MS = 1_000
/** A retired key goes from memory after this long, and a new one is there before it signs. */
const KEYS_REFRESH_MS = 300_000
/** What the metadata says otherwise is known here after this long at most. */
const METADATA_MS = 60_000
/** Milliseconds that a check waits for the issuer at most; and once that is known to be slow. */
const MAX_WAIT_MS = 5_000
const SLOW_WAIT_MS = 1_000
/** The same where the check may go on by what was last known. */
const SHORT_WAIT_MS = 500

const toConsole = (error: Error) => console.error(error.message)

/**
 * Checks tokens far from their issuer: signature by its published keys, status by its lists and feed, from memory.
 * What memory cannot say is asked: an opaque text, a token that was changed, a status that is too old.
 * @param onRefused called once when the issuer refuses the guard in a way that waiting will not mend; default: the console
 * @throws TypeError that names an option that is missing, or given and empty
 */
export function createRemote(options: RemoteOptions, onRefused: (error: Error) => void = toConsole): Remote {
  checkRemoteOptions('guard', options)
  const { maxStaleness = 60, inherit = false, cacheSize = 100_000 } = options
  const issuerUrl = normalizeIssuer(options.issuer) as string
  const insecure = plainHttpWarning(issuerUrl)
  if (insecure) process.emitWarning(insecure, 'PosternWarning')
  const credentials = credentialsOf(options)
  const clock = createClock()
  const http = createHttpClient()
  const monitor = createMonitor(onRefused)
  const rule = createAudienceRule(options.audience, () => issuer, monitor)
  const { accepts: acceptsAudience } = rule
  const issuer = createIssuerClient({
    url: issuerUrl,
    http,
    monitor,
    onChange() {
      verifier.clear()
      introspectionCache.clear()
    },
    onMetadata: rule.check,
  })
  const { key } = issuer.keys
  const issuers = () => [issuerUrl, ...(issuer.current?.previous_issuers ?? [])]
  const introspectionCache = createIntrospectionCache(cacheSize)
  const usageReporter = options.reportUsage
    ? createUsageReporter({
        url: async () => (await issuer.metadata()).token_usage_endpoint,
        http,
        credentials: credentials ?? credentialsMissing('reportUsage'),
        monitor,
      })
    : undefined
  const onUse: OnUse | undefined = usageReporter && ((id, scopes) => usageReporter.add(id, clock.now(), scopes))
  let feed: FeedClient | undefined
  let lastAliveAt = Number.NEGATIVE_INFINITY
  /** Other issuers have no feed. */
  let feedExpected = true

  const isFeedAlive = () => performance.now() - lastAliveAt <= FEED_TIMEOUT_MS
  const statusLists = createRemoteStatusLists({
    issuer: issuerUrl,
    issuers,
    http,
    monitor,
    key,
    clock,
    isFeedAlive,
    maxStalenessMs: maxStaleness * 1000,
  })
  const { toStatusReference } = statusLists
  const toEntry = createEntryMapper({ inherit, toStatusReference, onUse })
  const verifier = createVerifier({
    key,
    issuer: issuers,
    audience: acceptsAudience,
    toEntry,
    cacheSize,
    now: clock.now,
  })
  const introspect = createIntrospect({
    endpoint: async () => (await issuer.metadata()).introspection_endpoint,
    http,
    credentials,
    monitor,
    issuer: issuerUrl,
    accepts: acceptsAudience,
    inherit,
    toStatusReference,
    onUse,
  })

  if (credentials) {
    feed = followFeed({
      url: async () => {
        const { status_events_endpoint: endpoint } = await issuer.metadata()
        feedExpected = endpoint !== undefined
        return endpoint
      },
      credentials,
      listener: {
        started(sequence) {
          statusLists.feedStarted(sequence)
          introspectionCache.clear()
          opaque.clear()
        },
        // Another node, or one that was started again, perhaps with other settings.
        connected: () => issuer.refresh(),
        statusChanged(change) {
          statusLists.apply(change)
          introspectionCache.invalidate(change.list, change.index)
          opaque.clear()
        },
        keysRevoked: issuer.keys.revoke,
        alive() {
          lastAliveAt = performance.now()
          statusLists.confirmAt(lastAliveAt)
          monitor.ok('feed')
        },
        failed: error => monitor.failed('feed', error),
      },
    })
  }

  let keysLoadedAt = performance.now()
  const maintenance = setInterval(() => {
    void statusLists.refresh()
    issuer.refresh(METADATA_MS)
    if (issuer.keys.loaded && performance.now() - keysLoadedAt < KEYS_REFRESH_MS) return
    keysLoadedAt = performance.now()
    issuer.keys.refresh().catch(() => {})
  }, MAINTENANCE_INTERVAL_MS).unref()

  function assertNotExpired({ token, expires }: { token: Token; expires: number }): Token {
    if (expires > clock.now() / 1_000) return token
    throw invalidToken('The access token has expired.')
  }

  /** What was asked before, while its status is known to be the one it was asked under. */
  function cachedToken(text: string): Token | undefined {
    const introspection = introspectionCache.get(text)
    if (!introspection || !isFeedAlive()) return undefined
    const status = statusLists.getFresh(introspection.reference)
    if (status === STATUS.valid || status === STATUS.changed) return assertNotExpired(introspection)
    return undefined
  }

  /** What was asked before, on what is still known of its status: it may go on by that while nobody can be asked. */
  function usableIntrospection(text: string): CachedIntrospection | undefined {
    const introspection = introspectionCache.get(text)
    const status = introspection && statusLists.getUsable(introspection.reference)
    return status === STATUS.valid || status === STATUS.changed ? introspection : undefined
  }

  async function cacheIntrospection(
    text: string,
    introspection: CachedIntrospection,
    position: number | undefined,
  ): Promise<void> {
    if (!isFeedAlive()) return
    await statusLists.getOrFetch(introspection.reference)
    // A change that came since it was asked may be one of this token.
    if (isFeedAlive() && feed?.position === position) introspectionCache.set(text, introspection)
  }

  async function introspectWithFallback(text: string): Promise<Token> {
    const fallback = usableIntrospection(text)
    if (!fallback) return introspectNow(text)
    try {
      return (await valueWithin(introspectNow(text), http.slow ? 0 : SHORT_WAIT_MS)) ?? assertNotExpired(fallback)
    } catch (error) {
      if (error instanceof PosternError && error.status === 503) return assertNotExpired(fallback)
      throw error
    }
  }

  async function introspectNow(text: string): Promise<Token> {
    const position = feed?.position
    const { reference, ...introspection } = await introspect(text)
    if (reference) await cacheIntrospection(text, { ...introspection, reference }, position)
    return assertNotExpired(introspection)
  }

  const opaque = createOpaqueTexts({
    issuer,
    canAsk: credentials !== undefined,
    ask: introspectWithFallback,
    onMissingClient: onRefused,
  })

  function decide(verified: VerifiedToken, status: number | undefined): Token | Promise<Token> {
    if (status === STATUS.valid) return assertNotExpired(verified)
    if (status === STATUS.revoked) throw invalidToken('The access token has been revoked.')
    if (status === STATUS.suspended) throw invalidToken('The access token is suspended.')
    // Changed, or nobody can say: the issuer can.
    return cachedToken(verified.text) ?? introspectWithFallback(verified.text)
  }

  function checkStatus(verified: VerifiedToken): Token | Promise<Token> {
    const { text, reference } = verified
    if (!reference) return introspectWithFallback(text)
    const status = statusLists.getFresh(reference)
    if (status !== undefined) return decide(verified, status)
    return statusLists.getOrFetch(reference).then(found => decide(verified, found))
  }

  function identify(text: string): Token | Promise<Token> {
    const verified = verifier.get(text)
    if (verified) return checkStatus(verified)
    const known = cachedToken(text)
    if (known) return known
    if (text.split('.').length === 3) return verifier.verify(text).then(checkStatus)
    return opaque.check(text)
  }

  /** However many steps a check takes, whoever sent the request has an answer in time. */
  async function withinTimeout(checking: Promise<Token>): Promise<Token> {
    const token = await valueWithin(checking, http.slow ? SLOW_WAIT_MS : MAX_WAIT_MS)
    if (token) return token
    throw issuerUnavailable(new Error('the issuer did not answer in time'))
  }

  const tokenWatcher = createTokenWatcher(text => {
    const found = identify(text)
    return found instanceof Promise ? withinTimeout(found) : found
  }, maxStaleness * 1_000)

  function health(): GuardHealth {
    const { problems, refusal } = monitor
    const feedAlive = isFeedAlive()
    const started = issuer.keys.loaded && (!feed || feedAlive || feed.position !== undefined || !feedExpected)
    const feedLost = feed !== undefined && feedExpected && !feedAlive
    const status = refusal ? 'failed' : !started ? 'starting' : feedLost || problems.length > 0 ? 'degraded' : 'ok'
    return { status, keys: issuer.keys.loaded, feed: feed ? (feedAlive ? 'live' : 'lost') : null, problems }
  }

  return {
    authenticate: tokenWatcher.authenticate,
    async ready() {
      await issuer.keys.refresh().catch(error => {
        throw isIssuerRefusal(error) ? error : issuerUnavailable(error)
      })
      if (rule.refusal) throw rule.refusal
      await feed?.started()
    },
    health,
    get position() {
      return feed?.position
    },
    get bytes() {
      return statusLists.bytes
    },
    async close() {
      clearInterval(maintenance)
      tokenWatcher.close()
      await Promise.all([feed?.close(), usageReporter?.close()])
    },
  }
}

function credentialsOf({ clientId, clientSecret }: RemoteOptions): Credentials | undefined {
  return clientId && clientSecret ? { clientId, clientSecret } : undefined
}

function credentialsMissing(option: string): never {
  throw new TypeError(`${option} needs clientId and clientSecret.`)
}
