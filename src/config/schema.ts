import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseDuration } from './duration.ts'
import * as kinds from './kinds.ts'

export const ALGORITHMS = ['ES256', 'EdDSA', 'RS256'] as const
export type Algorithm = (typeof ALGORITHMS)[number]
export const HSTS = ['off', 'host', 'subdomains', 'preload'] as const
const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const

const seconds = (text: string) => parseDuration(text) as number
const HOUR = seconds('PT1H')

/** One setting: its environment variable, what it may be, and its default. */
export interface Setting<K extends kinds.Kind = kinds.Kind> {
  variable: string
  kind: K
  /** @param config the settings above this one */
  fallback(config: Settings): unknown
}

const setting = <K extends kinds.Kind>(variable: string, kind: K, fallback?: unknown): Setting<K> => ({
  variable,
  kind,
  fallback: typeof fallback === 'function' ? (fallback as Setting['fallback']) : () => fallback,
})

const database = kinds.serverUrl('postgres:', 'postgresql:')

/**
 * Every setting, for the environment and for the options of `openPostern`. They are read in this order, as the default of
 * one may follow from another's value. Durations are in seconds.
 */
export const SETTINGS = {
  port: setting('PORT', kinds.wholeNumber(1, 65_535), 3000),
  host: setting('HOST', kinds.hostName, '127.0.0.1'),
  issuer: setting('ISSUER', kinds.issuerUrl, (config: Settings) => `http://localhost:${config.port}`),
  /** Issuers that this deployment had before; tokens that name them are still accepted. */
  issuerPrevious: setting('ISSUER_PREVIOUS', kinds.issuerUrls, () => []),
  audience: setting('AUDIENCE', kinds.absoluteUri, (config: Settings) => config.issuer),
  /** A token that names no resource is good at the issuer only, not at every registered API. */
  requireResource: setting('REQUIRE_RESOURCE', kinds.onOrOff, false),
  databaseUrl: setting('DATABASE_URL', database),
  databasePoolSize: setting('DATABASE_POOL_SIZE', kinds.wholeNumber(1, 1_000), 10),
  /** How long PostgreSQL may take for an answer that somebody waits for; 0: no limit. */
  databaseTimeout: setting('DATABASE_TIMEOUT', kinds.durationOrNone, 60),
  /** How long a connection may wait for its next request; longer than the balancer in front keeps idle ones. */
  keepAliveTimeout: setting('KEEP_ALIVE_TIMEOUT', kinds.duration(), 72),
  /** A connection that may LISTEN, when `databaseUrl` points at a pooler in transaction mode. */
  listenUrl: setting('DATABASE_LISTEN_URL', database, (config: Settings) => config.databaseUrl),
  dataDir: setting('DATA_DIR', kinds.path, './data'),
  redisUrl: setting('REDIS_URL', kinds.serverUrl('redis:', 'rediss:')),
  scopesFile: setting('SCOPES_FILE', kinds.path, defaultScopesFile),
  signingAlgorithm: setting('SIGNING_ALGORITHM', kinds.oneOf(ALGORITHMS), 'ES256'),
  tokenPrefix: setting('TOKEN_PREFIX', kinds.tokenPrefix, 'post_'),
  tokenMaxLifetime: setting('TOKEN_MAX_LIFETIME', kinds.duration(), seconds('P2Y')),
  /** From the first token of a family on; no rotation goes beyond. */
  tokenFamilyLifetime: setting(
    'TOKEN_FAMILY_LIFETIME',
    kinds.duration(),
    (config: Settings) => config.tokenMaxLifetime,
  ),
  // A deployment that shortens the limit need not repeat it for the lifetime that nobody chose.
  personalTokenLifetime: setting('PERSONAL_TOKEN_LIFETIME', kinds.duration(), (config: Settings) =>
    Math.min(seconds('P1Y'), config.tokenMaxLifetime),
  ),
  /** Of access tokens that are not personal, where neither client nor grant says otherwise. */
  accessTokenLifetime: setting('ACCESS_TOKEN_LIFETIME', kinds.duration(), HOUR),
  clientCredentialsLifetime: setting(
    'CLIENT_CREDENTIALS_LIFETIME',
    kinds.duration(),
    (config: Settings) => config.accessTokenLifetime,
  ),
  /** Of a whole family of refresh tokens, from the sign-in on. */
  refreshTokenLifetime: setting('REFRESH_TOKEN_LIFETIME', kinds.duration(), seconds('P30D')),
  /** How long a rotated refresh token repeats its answer to whoever lost it; 0: not at all. */
  refreshGrace: setting('REFRESH_GRACE', kinds.durationOrNone, 0),
  authCodeLifetime: setting('AUTH_CODE_LIFETIME', kinds.duration(600, ' of at most 10 minutes'), 60),
  deviceCodeLifetime: setting('DEVICE_CODE_LIFETIME', kinds.duration(), 600),
  sessionLifetime: setting('SESSION_LIFETIME', kinds.duration(), seconds('P14D')),
  /** A sign-in ends when nothing was done with it for so long. */
  sessionIdle: setting('SESSION_IDLE', kinds.duration(), seconds('P3D')),
  /** How long an app need not ask again for what a user let it have; 0: it always asks. */
  consentLifetime: setting('CONSENT_LIFETIME', kinds.durationOrNone, seconds('P90D')),
  /** How long a resource server may keep a status list before it looks again. */
  statusListTtl: setting('STATUS_LIST_TTL', kinds.duration(), 15),
  /** Lets whoever holds it register clients (RFC 7591); without it nobody can. */
  initialAccessToken: setting('INITIAL_ACCESS_TOKEN', kinds.bearerSecret),
  /** Lets whoever holds it read `GET /metrics`; without it there is no such route. */
  metricsToken: setting('METRICS_TOKEN', kinds.bearerSecret),
  trustProxy: setting('TRUST_PROXY', kinds.proxies, false),
  /** For whom browsers are told to use https only: nobody, this host, its subdomains too, or the preload list as well. */
  hsts: setting('HSTS', kinds.oneOf(HSTS), 'host'),
  logLevel: setting('LOG_LEVEL', kinds.oneOf(LOG_LEVELS), 'info'),
}

/** The values of the settings. */
export type Settings = { [Name in keyof typeof SETTINGS]: kinds.ValueOf<(typeof SETTINGS)[Name]['kind']> }

const ROOT_SCOPES = resolve(import.meta.dirname, '..', '..', 'scopes.json')
const PACKAGED_SCOPES = resolve(import.meta.dirname, '..', '..', '..', 'scopes.json')

/** `scopes.json` in the working folder, else the sample of the package. */
function defaultScopesFile(): string {
  const own = resolve('scopes.json')
  if (existsSync(own)) return own
  return existsSync(ROOT_SCOPES) ? ROOT_SCOPES : PACKAGED_SCOPES
}
