import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseDuration } from './duration.ts'
import { StartupError } from './errors.ts'

export const ALGORITHMS = ['ES256', 'EdDSA', 'RS256'] as const
export type Algorithm = (typeof ALGORITHMS)[number]

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const

/** Everything a deployment may choose; checked once, then frozen. Lifetimes are in seconds. */
export interface Config {
  port: number
  host: string
  issuer: string
  audience: string
  databaseUrl: string | undefined
  databasePoolSize: number
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
  trustProxy: false | string
  logLevel: (typeof LOG_LEVELS)[number]
}

type Environment = Record<string, string | undefined>

const ROOT_SCOPES = resolve(import.meta.dirname, '..', 'scopes.json')
const PACKAGED_SCOPES = resolve(import.meta.dirname, '..', '..', 'scopes.json')

/** Where the catalogue is; to be had without the rest, which belongs to a database. */
export function scopesFile(env: Environment = process.env): string {
  return resolve(env.SCOPES_FILE || (existsSync(ROOT_SCOPES) ? ROOT_SCOPES : PACKAGED_SCOPES))
}

/**
 * Reads the environment. Nothing else in the house does.
 * @param given by an application that embeds the server; goes before the environment, and what follows from it follows
 * @throws StartupError naming the first variable that cannot be used
 */
export function loadConfig(env: Environment = process.env, given: Partial<Config> = {}): Readonly<Config> {
  const port = given.port ?? number(env, 'PORT', 3000, 1, 65_535)
  const issuer = url({ ISSUER: given.issuer ?? env.ISSUER }, 'ISSUER', `http://localhost:${port}`)
  const databaseUrl = 'databaseUrl' in given ? given.databaseUrl : postgresUrl(env, 'DATABASE_URL')
  const dataDir = resolve(given.dataDir || env.DATA_DIR || './data')
  const appKey = given.appKey ?? env.APP_KEY
  const config: Config = {
    host: env.HOST || '127.0.0.1',
    databasePoolSize: number(env, 'DATABASE_POOL_SIZE', 10, 1, 1_000),
    listenUrl: postgresUrl(env, 'DATABASE_LISTEN_URL') ?? databaseUrl,
    redisUrl: env.REDIS_URL ? url(env, 'REDIS_URL', '') : undefined,
    scopesFile: scopesFile(env),
    signingAlgorithm: oneOf(env, 'SIGNING_ALGORITHM', ALGORITHMS, 'ES256'),
    tokenPrefix: tokenPrefix(env),
    personalTokenLifetime: duration(env, 'PERSONAL_TOKEN_LIFETIME', 'P1Y'),
    tokenMaxLifetime: duration(env, 'TOKEN_MAX_LIFETIME', 'P2Y'),
    accessTokenLifetime: duration(env, 'ACCESS_TOKEN_LIFETIME', 'PT1H'),
    clientCredentialsLifetime: duration(env, 'CLIENT_CREDENTIALS_LIFETIME', env.ACCESS_TOKEN_LIFETIME || 'PT1H'),
    refreshTokenLifetime: duration(env, 'REFRESH_TOKEN_LIFETIME', 'P30D'),
    refreshGrace: env.REFRESH_GRACE ? duration(env, 'REFRESH_GRACE', '') : 0,
    authCodeLifetime: duration(env, 'AUTH_CODE_LIFETIME', 'PT1M'),
    deviceCodeLifetime: duration(env, 'DEVICE_CODE_LIFETIME', 'PT10M'),
    sessionLifetime: duration(env, 'SESSION_LIFETIME', 'P14D'),
    statusListTtl: duration(env, 'STATUS_LIST_TTL', 'PT15S'),
    initialAccessToken: initialAccessToken(env),
    trustProxy: trustProxy(env.TRUST_PROXY),
    logLevel: oneOf(env, 'LOG_LEVEL', LOG_LEVELS, 'info'),
    ...given,
    port,
    issuer,
    audience: url({ AUDIENCE: given.audience ?? env.AUDIENCE }, 'AUDIENCE', issuer),
    databaseUrl,
    dataDir,
    appKey: appKey ? givenAppKey(appKey) : ownAppKey(databaseUrl, dataDir),
  }
  if (config.personalTokenLifetime > config.tokenMaxLifetime) {
    throw new StartupError('PERSONAL_TOKEN_LIFETIME must not be longer than TOKEN_MAX_LIFETIME.')
  }
  return Object.freeze(config)
}

function number(env: Environment, name: string, fallback: number, min: number, max: number): number {
  const text = env[name]
  if (!text) return fallback
  const value = Number(text)
  if (Number.isInteger(value) && value >= min && value <= max) return value
  throw new StartupError(`${name} must be a whole number from ${min} to ${max}, not "${text}".`)
}

/** An issuer or audience is compared letter by letter (RFC 8414 §2), so it is kept as written but for a last slash. */
function url(env: Environment, name: string, fallback: string): string {
  const text = env[name] || fallback
  const parsed = URL.parse(text)
  if (parsed && !parsed.hash && (name !== 'ISSUER' || !parsed.search)) return text.replace(/\/$/, '')
  throw new StartupError(`${name} must be an absolute URL without a fragment, not "${text}".`)
}

function postgresUrl(env: Environment, name: string): string | undefined {
  const text = env[name]
  if (!text) return undefined
  if (/^postgres(ql)?:$/.test(URL.parse(text)?.protocol ?? '')) return text
  // The value is not repeated: it may carry a password.
  throw new StartupError(`${name} must be a postgres:// URL.`)
}

function duration(env: Environment, name: string, fallback: string): number {
  const text = env[name] || fallback
  const seconds = parseDuration(text)
  if (seconds !== undefined) return seconds
  throw new StartupError(`${name} must be an ISO 8601 duration such as P90D or PT12H, not "${text}".`)
}

function oneOf<T extends string>(env: Environment, name: string, values: readonly T[], fallback: T): T {
  const text = env[name] || fallback
  const value = values.find(v => v === text)
  if (value) return value
  throw new StartupError(`${name} must be one of ${values.join(', ')}, not "${text}".`)
}

function tokenPrefix(env: Environment): string {
  const prefix = env.TOKEN_PREFIX ?? 'post_'
  if (/^[a-z][a-z0-9]{1,15}_$/.test(prefix)) return prefix
  throw new StartupError(
    `TOKEN_PREFIX must be 2 to 16 lower-case letters or digits and an underscore, not "${prefix}".`,
  )
}

function initialAccessToken(env: Environment): string | undefined {
  const text = env.INITIAL_ACCESS_TOKEN
  if (!text || text.length >= 32) return text || undefined
  throw new StartupError('INITIAL_ACCESS_TOKEN must have at least 32 characters: openssl rand -base64 32')
}

/** `true` would believe any `X-Forwarded-For`; a number or addresses say whom to believe. */
function trustProxy(text: string | undefined): false | string {
  if (!text || text === 'false') return false
  if (text === 'true' || /^\d+$/.test(text)) {
    throw new StartupError(
      'TRUST_PROXY must name the proxies (10.0.0.0/8, loopback): "true" lets anyone forge an address.',
    )
  }
  return text
}

function givenAppKey(text: string): string {
  if (Buffer.from(text, 'base64').length >= 32) return text
  throw new StartupError('APP_KEY must be at least 32 random bytes in base64: openssl rand -base64 32')
}

/** The embedded database keeps its key beside it; a shared one must be given the key that its nodes share. */
function ownAppKey(databaseUrl: string | undefined, dataDir: string): string {
  if (databaseUrl) throw new StartupError('APP_KEY is required with DATABASE_URL: openssl rand -base64 32')
  const file = join(dataDir, 'app.key')
  try {
    if (existsSync(file)) return givenAppKey(readFileSync(file, 'utf8').trim())
    mkdirSync(dataDir, { recursive: true, mode: 0o700 })
    writeFileSync(file, `${randomBytes(32).toString('base64')}\n`, { mode: 0o600, flag: 'wx' })
    return readFileSync(file, 'utf8').trim()
  } catch (error) {
    if (error instanceof StartupError) throw error
    throw new StartupError(`DATA_DIR ${dataDir} cannot be written (${(error as NodeJS.ErrnoException).code}).`, error)
  }
}
