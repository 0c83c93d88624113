import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { givenAppKey, ownAppKey } from './app-key.ts'
import { parseDuration } from './duration.ts'
import {
  absoluteUri,
  duration,
  durationOrNone,
  type Environment,
  hostName,
  issuerUrl,
  issuerUrls,
  oneOf,
  pathText,
  proxies,
  serverUrl,
  wholeNumber,
} from './environment.ts'
import { StartupError } from './errors.ts'
import { bearerSecret, secret } from './secrets-from-environment.ts'

export const ALGORITHMS = ['ES256', 'EdDSA', 'RS256'] as const
export type Algorithm = (typeof ALGORITHMS)[number]

export const HSTS = ['off', 'host', 'subdomains', 'preload'] as const
const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const

/** Everything a deployment may choose; checked once, then frozen. Lifetimes are in seconds. */
export interface Config {
  port: number
  host: string
  issuer: string
  /** Somebody set the issuer; otherwise it follows from the port. */
  issuerChosen: boolean
  /** Issuers that this deployment had before; tokens that name them are still accepted. */
  issuerPrevious: readonly string[]
  audience: string
  /** A token that names no resource is good at the issuer only, not at every registered API. */
  requireResource: boolean
  databaseUrl: string | undefined
  databasePoolSize: number
  /** How long PostgreSQL may take for an answer that somebody waits for; 0: no limit. */
  databaseTimeout: number
  /** How long a connection may wait for its next request; longer than the balancer in front keeps idle ones. */
  keepAliveTimeout: number
  /** A connection that may LISTEN, when `databaseUrl` points at a pooler in transaction mode. */
  listenUrl: string | undefined
  dataDir: string
  redisUrl: string | undefined
  scopesFile: string
  appKey: string
  signingAlgorithm: Algorithm
  tokenPrefix: string
  personalTokenLifetime: number
  tokenMaxLifetime: number
  /** Of access tokens that are not personal, where neither client nor grant says otherwise. */
  accessTokenLifetime: number
  clientCredentialsLifetime: number
  /** Of a whole family of refresh tokens, from the sign-in on. */
  refreshTokenLifetime: number
  /** How long a rotated refresh token repeats its answer to whoever lost it; 0: not at all. */
  refreshGrace: number
  authCodeLifetime: number
  deviceCodeLifetime: number
  sessionLifetime: number
  /** How long a resource server may keep a status list before it looks again. */
  statusListTtl: number
  /** Lets whoever holds it register clients (RFC 7591); without it nobody can. */
  initialAccessToken: string | undefined
  /** Lets whoever holds it read `GET /metrics`; without it there is no such route. */
  metricsToken: string | undefined
  trustProxy: false | string
  /** For whom browsers are told to use https only: nobody, this host, its subdomains too, or the preload list as well. */
  hsts: (typeof HSTS)[number]
  logLevel: (typeof LOG_LEVELS)[number]
}

const POSTGRES = ['postgresql:', 'postgres:']
const REDIS = ['rediss:', 'redis:']
const ROOT_SCOPES = resolve(import.meta.dirname, '..', 'scopes.json')
const PACKAGED_SCOPES = resolve(import.meta.dirname, '..', '..', 'scopes.json')

/** Where the catalogue is: SCOPES_FILE, else `scopes.json` in the working folder, else the sample of the package. */
export function scopesFile(env: Environment = process.env): string {
  return chosenScopesFile(env) ?? (existsSync(ROOT_SCOPES) ? ROOT_SCOPES : PACKAGED_SCOPES)
}

/** As `scopesFile`, without the sample. */
export function chosenScopesFile(env: Environment = process.env): string | undefined {
  const file = resolve(pathText(env, 'SCOPES_FILE') ?? 'scopes.json')
  return env.SCOPES_FILE || existsSync(file) ? file : undefined
}

/**
 * Reads the environment. Nothing else in the house does.
 * @param given by an application that embeds the server; goes before the environment, and what follows from it follows
 * @param create false: nothing is written, and where there is no APP_KEY, a random one that nobody keeps takes its place
 * @throws StartupError naming the first variable that cannot be used
 */
export function loadConfig(
  env: Environment = process.env,
  given: Partial<Config> = {},
  { create = true }: { create?: boolean } = {},
): Readonly<Config> {
  const port = given.port ?? wholeNumber(env, 'PORT', 3000, 1, 65_535)
  const issuer = issuerUrl({ ISSUER: given.issuer ?? env.ISSUER }, 'ISSUER', `http://localhost:${port}`)
  const databaseUrl = 'databaseUrl' in given ? given.databaseUrl : serverUrl(env, 'DATABASE_URL', POSTGRES)
  const dataDir = resolve(given.dataDir || pathText(env, 'DATA_DIR') || './data')
  const appKey = given.appKey ?? secret(env, 'APP_KEY')
  const config: Config = {
    issuerChosen: Boolean(given.issuer ?? env.ISSUER),
    host: hostName(env, 'HOST', '127.0.0.1'),
    databasePoolSize: wholeNumber(env, 'DATABASE_POOL_SIZE', 10, 1, 1_000),
    databaseTimeout: durationOrNone(env, 'DATABASE_TIMEOUT', 'PT1M'),
    keepAliveTimeout: duration(env, 'KEEP_ALIVE_TIMEOUT', 'PT72S'),
    listenUrl: serverUrl(env, 'DATABASE_LISTEN_URL', POSTGRES) ?? databaseUrl,
    redisUrl: serverUrl(env, 'REDIS_URL', REDIS),
    scopesFile: scopesFile(env),
    signingAlgorithm: oneOf(env, 'SIGNING_ALGORITHM', ALGORITHMS, 'ES256'),
    tokenPrefix: tokenPrefix(env),
    requireResource: oneOf(env, 'REQUIRE_RESOURCE', ['off', 'on'], 'off') === 'on',
    personalTokenLifetime: duration(env, 'PERSONAL_TOKEN_LIFETIME', shorter('P1Y', env.TOKEN_MAX_LIFETIME)),
    tokenMaxLifetime: duration(env, 'TOKEN_MAX_LIFETIME', 'P2Y'),
    accessTokenLifetime: duration(env, 'ACCESS_TOKEN_LIFETIME', 'PT1H'),
    clientCredentialsLifetime: duration(env, 'CLIENT_CREDENTIALS_LIFETIME', env.ACCESS_TOKEN_LIFETIME || 'PT1H'),
    refreshTokenLifetime: duration(env, 'REFRESH_TOKEN_LIFETIME', 'P30D'),
    refreshGrace: durationOrNone(env, 'REFRESH_GRACE'),
    authCodeLifetime: duration(env, 'AUTH_CODE_LIFETIME', 'PT1M'),
    deviceCodeLifetime: duration(env, 'DEVICE_CODE_LIFETIME', 'PT10M'),
    sessionLifetime: duration(env, 'SESSION_LIFETIME', 'P14D'),
    statusListTtl: duration(env, 'STATUS_LIST_TTL', 'PT15S'),
    initialAccessToken: bearerSecret('INITIAL_ACCESS_TOKEN', secret(env, 'INITIAL_ACCESS_TOKEN')),
    metricsToken: bearerSecret('METRICS_TOKEN', secret(env, 'METRICS_TOKEN')),
    trustProxy: proxies(env, 'TRUST_PROXY'),
    hsts: oneOf(env, 'HSTS', HSTS, 'host'),
    logLevel: oneOf(env, 'LOG_LEVEL', LOG_LEVELS, 'info'),
    ...given,
    port,
    issuer,
    issuerPrevious: issuerUrls(
      { ISSUER_PREVIOUS: given.issuerPrevious?.join(',') ?? env.ISSUER_PREVIOUS },
      'ISSUER_PREVIOUS',
    ),
    audience: absoluteUri({ AUDIENCE: given.audience ?? env.AUDIENCE }, 'AUDIENCE', issuer),
    databaseUrl,
    dataDir,
    appKey: appKey ? givenAppKey(appKey) : ownAppKey({ databaseUrl, dataDir, create }),
  }
  if (config.personalTokenLifetime > config.tokenMaxLifetime) {
    throw new StartupError('PERSONAL_TOKEN_LIFETIME must not be longer than TOKEN_MAX_LIFETIME.')
  }
  return Object.freeze(config)
}

/** A deployment that shortens the limit need not repeat it for the lifetime that nobody chose. */
function shorter(standard: string, limit: string | undefined): string {
  return limit && (parseDuration(limit) ?? Infinity) < (parseDuration(standard) as number) ? limit : standard
}

function tokenPrefix(env: Environment): string {
  const prefix = env.TOKEN_PREFIX || 'post_'
  if (/^[a-z][a-z0-9]{1,15}_$/.test(prefix)) return prefix
  throw new StartupError(
    `TOKEN_PREFIX must be 2 to 16 lower-case letters or digits and an underscore, not ${JSON.stringify(prefix)}.`,
  )
}
