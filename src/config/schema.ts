import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseDuration } from './duration.ts'
import * as kinds from './kinds.ts'

export const ALGORITHMS = ['ES256', 'EdDSA', 'RS256'] as const
export type Algorithm = (typeof ALGORITHMS)[number]
export const HSTS = ['off', 'host', 'subdomains', 'preload'] as const
const DCR_MODES = ['off', 'token', 'open'] as const
const CIMD_MODES = ['on', 'trusted', 'off'] as const
const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
const LOG_FORMATS = ['auto', 'text', 'json'] as const

const seconds = (text: string) => parseDuration(text) as number
const HOUR = seconds('PT1H')

/** A setting: its environment variable, its kind and its default. */
export interface Setting<K extends kinds.Kind = kinds.Kind> {
  variable: string
  kind: K
  /** @param config the settings that come before this one */
  fallback(config: Settings): unknown
}

const setting = <K extends kinds.Kind>(variable: string, kind: K, fallback?: unknown): Setting<K> => ({
  variable,
  kind,
  fallback: typeof fallback === 'function' ? (fallback as Setting['fallback']) : () => fallback,
})

const database = kinds.databaseUrl

/**
 * All settings, for the environment and for the options of `openPostern`. They are read in this order, since a default may
 * depend on the value of an earlier setting. Durations are in seconds.
 */
export const SETTINGS = {
  port: setting('PORT', kinds.wholeNumber(1, 65_535), 3000),
  host: setting('HOST', kinds.hostName, '127.0.0.1'),
  issuer: setting('ISSUER', kinds.issuerUrl, (config: Settings) => `http://localhost:${config.port}`),
  /** Previous issuers of this deployment, whose tokens are still accepted. */
  issuerPrevious: setting('ISSUER_PREVIOUS', kinds.issuerUrls, () => []),
  audience: setting('AUDIENCE', kinds.absoluteUri, (config: Settings) => config.issuer),
  /** true: a token without a resource is valid at the issuer only, not at every registered API. */
  requireResource: setting('REQUIRE_RESOURCE', kinds.onOrOff, false),
  databaseUrl: setting('DATABASE_URL', database),
  databasePoolSize: setting('DATABASE_POOL_SIZE', kinds.wholeNumber(1, 1_000), 10),
  /** Timeout of a statement that a caller waits for; 0: no limit. */
  databaseTimeout: setting('DATABASE_TIMEOUT', kinds.timeoutOrNone, 60),
  /** How long an idle connection stays open; longer than the load balancer in front keeps it open. */
  keepAliveTimeout: setting('KEEP_ALIVE_TIMEOUT', kinds.duration(), 72),
  /** URL of a connection that supports LISTEN, for when `databaseUrl` names a pooler in transaction mode. */
  listenUrl: setting('DATABASE_LISTEN_URL', database, (config: Settings) => config.databaseUrl),
  /** Former values of `APP_KEY`, until `postern keys rewrap` has encrypted everything with the new one. */
  appKeyPrevious: setting('APP_KEY_PREVIOUS', kinds.appKeys, () => []),
  dataDir: setting('DATA_DIR', kinds.path, './data'),
  redisUrl: setting('REDIS_URL', kinds.serverUrl('redis:', 'rediss:')),
  scopesFile: setting('SCOPES_FILE', kinds.path, defaultScopesFile),
  signingAlgorithm: setting('SIGNING_ALGORITHM', kinds.oneOf(ALGORITHMS), 'ES256'),
  tokenPrefix: setting('TOKEN_PREFIX', kinds.tokenPrefix, 'post_'),
  tokenMaxLifetime: setting('TOKEN_MAX_LIFETIME', kinds.duration(), seconds('P2Y')),
  /** Maximum lifetime of a token family, from its first token on; rotation does not extend it. */
  tokenFamilyLifetime: setting(
    'TOKEN_FAMILY_LIFETIME',
    kinds.duration(),
    (config: Settings) => config.tokenMaxLifetime,
  ),
  // Bounded by tokenMaxLifetime, so that a deployment that shortens the limit need not set this too.
  personalTokenLifetime: setting('PERSONAL_TOKEN_LIFETIME', kinds.duration(), (config: Settings) =>
    Math.min(seconds('P1Y'), config.tokenMaxLifetime),
  ),
  /** Lifetime of access tokens that are not personal, unless the client or the grant sets another. */
  accessTokenLifetime: setting('ACCESS_TOKEN_LIFETIME', kinds.duration(), HOUR),
  clientCredentialsLifetime: setting(
    'CLIENT_CREDENTIALS_LIFETIME',
    kinds.duration(),
    (config: Settings) => config.accessTokenLifetime,
  ),
  /** Lifetime of a family of refresh tokens, from the sign-in on. */
  refreshTokenLifetime: setting('REFRESH_TOKEN_LIFETIME', kinds.duration(), seconds('P30D')),
  /**
   * How long a rotated refresh token returns the same response again, for a client that lost it; 0: never. The default depends
   * on the client: see `src/grants/refresh-grace.ts`.
   */
  refreshGrace: setting('REFRESH_GRACE', kinds.optionalDurationOrNone),
  authCodeLifetime: setting('AUTH_CODE_LIFETIME', kinds.duration(600, ' of at most 10 minutes'), 60),
  deviceCodeLifetime: setting('DEVICE_CODE_LIFETIME', kinds.duration(), 600),
  sessionLifetime: setting('SESSION_LIFETIME', kinds.duration(), seconds('P14D')),
  /** A session ends after this much inactivity. */
  sessionIdle: setting('SESSION_IDLE', kinds.duration(), seconds('P3D')),
  /** How long a user's consent to an app is remembered; 0: the user is asked each time. */
  consentLifetime: setting('CONSENT_LIFETIME', kinds.durationOrNone, seconds('P90D')),
  /** How long a resource server may cache a status list. */
  statusListTtl: setting('STATUS_LIST_TTL', kinds.duration(), 15),
  /** Limit of unrevoked clients per user; operators are not limited. */
  clientsPerUser: setting('CLIENTS_PER_USER', kinds.wholeNumber(1, 1_000_000), 50),
  /** Limit of live personal tokens per user; operators are not limited. */
  tokensPerUser: setting('TOKENS_PER_USER', kinds.wholeNumber(1, 1_000_000), 1_000),
  /** Limit of live exchanged tokens (RFC 8693) per user, and per token of a machine. */
  exchangedTokensPerUser: setting('EXCHANGED_TOKENS_PER_USER', kinds.wholeNumber(1, 1_000_000), 5_000),
  /** Limit of the verified tokens that a node keeps in memory, in each of its caches. */
  cachedTokens: setting('CACHED_TOKENS', kinds.wholeNumber(100, 10_000_000), 100_000),
  /** Limit of open event feed streams per node, and per client and node. */
  feedReaders: setting('FEED_READERS', kinds.wholeNumber(1, 100_000), 10_000),
  feedStreamsPerClient: setting('FEED_STREAMS_PER_CLIENT', kinds.wholeNumber(1, 1_000), 100),
  /** Bearer token for the registration of clients (RFC 7591). */
  initialAccessToken: setting('INITIAL_ACCESS_TOKEN', kinds.bearerSecret),
  /** What Devise appended to passwords before it hashed them, for users who were imported. */
  devisePepper: setting('DEVISE_PEPPER', kinds.optionalSecretWord),
  /** Who may sign in by password: everybody, only administrators, or nobody. */
  passwords: setting('PASSWORDS', kinds.oneOf(['on', 'admins', 'off']), 'on'),
  /** Bearer token of the directory that manages users by SCIM; without it, the routes do not exist. */
  scimToken: setting('SCIM_TOKEN', kinds.bearerSecret),
  /** Whether the directory takes over users with the same confirmed address. */
  scimAdopt: setting('SCIM_ADOPT', kinds.onOrOff, false),
  /** The group of the directory whose members are administrators; undefined: the directory makes nobody an administrator. */
  scimAdminGroup: setting('SCIM_ADMIN_GROUP', kinds.optionalLine),
  /** Groups of the directory whose members can have only these scopes. */
  scimGroupScopes: setting('SCIM_GROUP_SCOPES', kinds.groupScopes),
  /** Which users need a second factor to sign in by password: whoever has one, also all administrators, or everybody. */
  mfa: setting('MFA', kinds.oneOf(['optional', 'admins', 'required']), 'optional'),
  /** The mail server; without it no mail is sent, and features that need mail do not exist. */
  smtpUrl: setting('SMTP_URL', kinds.serverUrl('smtp:', 'smtps:')),
  /** Sender of all mails. */
  mailFrom: setting('MAIL_FROM', kinds.mailbox),
  /** Limits of registered clients that are not revoked, and of registrations within an hour. */
  registeredClients: setting('REGISTERED_CLIENTS', kinds.wholeNumber(1, 1_000_000), 1_000),
  registrationsPerHour: setting('REGISTRATIONS_PER_HOUR', kinds.wholeNumber(1, 1_000_000), 100),
  /** Who may register clients (RFC 7591): nobody, who has the initial access token, or everybody. */
  dcr: setting('DCR', kinds.oneOf(DCR_MODES), (config: Settings) => (config.initialAccessToken ? 'token' : 'off')),
  /** Bearer token for `GET /metrics`; without it, the route does not exist. */
  metricsToken: setting('METRICS_TOKEN', kinds.bearerSecret),
  /** Whose `client_id` may be the URL of a metadata document: everybody's, that of hosts in `cimdTrusted`, or nobody's. */
  cimd: setting('CIMD', kinds.oneOf(CIMD_MODES), 'on'),
  cimdTrusted: setting('CIMD_TRUSTED', kinds.hostList, () => []),
  /** Whether documents of others may be fetched from this host, also by http: for development. */
  fetchLoopback: setting('FETCH_LOOPBACK', kinds.onOrOff, false),
  /** Networks that are not public, from which documents of others may be fetched all the same. */
  fetchNetworks: setting('FETCH_NETWORKS', kinds.networkList, () => []),
  trustProxy: setting('TRUST_PROXY', kinds.proxies, false),
  /** Origins of pages whose scripts may call the API below `/api`. */
  corsOrigins: setting('CORS_ORIGINS', kinds.origins, () => []),
  /** Which hosts `Strict-Transport-Security` covers: none, this host, also its subdomains, or also the preload list. */
  hsts: setting('HSTS', kinds.oneOf(HSTS), 'host'),
  /** The name of the site on its pages and in its mails. */
  brandName: setting('BRAND_NAME', kinds.siteName, (config: Settings) => new URL(config.issuer).host),
  /** The colour of buttons, and of links as far as they are readable in it. */
  brandColor: setting('BRAND_COLOR', kinds.color, '#3451d1'),
  /** An SVG or PNG that is shown beside the name. */
  brandLogoFile: setting('BRAND_LOGO_FILE', kinds.optionalPath),
  logLevel: setting('LOG_LEVEL', kinds.oneOf(LOG_LEVELS), 'info'),
  /** Lines of the log: text to a terminal and otherwise JSON, or always the one or the other. */
  logFormat: setting('LOG_FORMAT', kinds.oneOf(LOG_FORMATS), 'auto'),
}

/** The values of the settings. */
export type Settings = { [Name in keyof typeof SETTINGS]: kinds.ValueOf<(typeof SETTINGS)[Name]['kind']> }

const ROOT_SCOPES = resolve(import.meta.dirname, '..', '..', 'scopes.json')
const PACKAGED_SCOPES = resolve(import.meta.dirname, '..', '..', '..', 'scopes.json')

/** `scopes.json` in the working directory, else the sample of the package. */
function defaultScopesFile(): string {
  const own = resolve('scopes.json')
  if (existsSync(own)) return own
  return existsSync(ROOT_SCOPES) ? ROOT_SCOPES : PACKAGED_SCOPES
}
