import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import Value from 'typebox/value'
import { StartupError } from '../errors/errors.ts'
import { loadOrCreateAppKey } from './app-key.ts'
import { appKey, type Kind } from './kinds.ts'
import { SETTINGS, type Setting, type Settings } from './schema.ts'
import { type Environment, secret } from './secret.ts'

export { ALGORITHMS, type Algorithm, HSTS } from './schema.ts'

/** Everything a deployment may choose; checked once, then frozen. Durations are in seconds. */
export interface Config extends Settings {
  appKey: string
  /** Somebody set the issuer; otherwise it follows from the port. */
  issuerChosen: boolean
}

/** Options of an embedding application. A duration is a number of seconds, or text as in its variable: `'P90D'`. */
export type ConfigOptions = {
  [Name in keyof Config]?: Config[Name] extends number ? Config[Name] | string : Config[Name]
}

/**
 * Reads every setting: from what is given, else from the environment, else its default. Nothing else reads the environment.
 * @param overrides by an application that embeds the server
 * @param create false: nothing is written, and where there is no APP_KEY, a random one that nobody keeps takes its place
 * @throws StartupError in one line that names the first variable that cannot be used; TypeError for an option that is given
 *   and empty
 * @example
 * loadConfig({ PORT: '8080', APP_KEY }, { personalTokenLifetime: 'P90D' })
 */
export function loadConfig(
  env: Environment = process.env,
  overrides: ConfigOptions = {},
  { create = true }: { create?: boolean } = {},
): Readonly<Config> {
  assertKnown(overrides)
  const settings = {} as Record<string, unknown>
  for (const [option, setting] of Object.entries<Setting>(SETTINGS)) {
    const chosen = option in overrides ? fromOption(option, setting, overrides) : fromEnvironment(setting, env)
    settings[option] = chosen ?? setting.fallback(settings as Settings)
  }
  const config = settings as Settings
  if (config.personalTokenLifetime > config.tokenMaxLifetime) {
    throw new StartupError('PERSONAL_TOKEN_LIFETIME must not be longer than TOKEN_MAX_LIFETIME.')
  }
  const { databaseUrl } = config
  const dataDir = resolve(config.dataDir)
  const key = readAppKey(env, overrides)
  return Object.freeze({
    ...config,
    scopesFile: resolve(config.scopesFile),
    dataDir,
    issuerChosen: overrides.issuerChosen ?? Boolean(overrides.issuer ?? env.ISSUER),
    appKey: key ?? loadOrCreateAppKey({ databaseUrl, dataDir, create }),
  })
}

/** Where SCOPES_FILE or the working folder has a catalogue; undefined when only the sample of the package is left. */
export function chosenScopesFile(env: Environment = process.env): string | undefined {
  const file = resolve((fromEnvironment(SETTINGS.scopesFile, env) as string | undefined) ?? 'scopes.json')
  return env.SCOPES_FILE || existsSync(file) ? file : undefined
}

/** The APP_KEY that somebody set, in padded base64; undefined: none. */
export const chosenAppKey = (env: Environment = process.env): string | undefined => readAppKey(env, {})

function readAppKey(env: Environment, given: ConfigOptions): string | undefined {
  const setting = { variable: 'APP_KEY', kind: appKey }
  return ('appKey' in given ? fromOption('appKey', setting, given) : fromEnvironment(setting, env)) as
    | string
    | undefined
}

function assertKnown(given: ConfigOptions): void {
  const unknown = Object.keys(given).find(
    option => !(option in SETTINGS || option === 'appKey' || option === 'issuerChosen'),
  )
  if (unknown) throw new TypeError(`openPostern has no option ${unknown}.`)
}

type Readable = Pick<Setting, 'variable' | 'kind'>

function fromEnvironment({ variable, kind }: Readable, env: Environment): unknown {
  const text = kind.isSecret ? secret(env, variable) : env[variable]
  return text ? checked(variable, kind, kind.parse(text), text) : undefined
}

function fromOption(option: string, { variable, kind }: Readable, given: ConfigOptions): unknown {
  const value: unknown = given[option as keyof Config]
  const isOptional = Value.Check(kind.schema, undefined)
  if (value === null || value === '' || (value === undefined && !isOptional)) {
    const hint = value === undefined ? ' Leave it out for its default.' : ''
    throw new TypeError(`openPostern: ${option} must be ${kind.expected}, not ${shown(value)}.${hint}`)
  }
  return value === undefined ? undefined : checked(variable, kind, parsed(kind, value), value)
}

const parsed = (kind: Kind, value: unknown) => (typeof value === 'string' ? kind.parse(value) : value)

function checked(variable: string, kind: Kind, value: unknown, given: unknown): unknown {
  if (value !== undefined && Value.Check(kind.schema, value)) return value
  throw new StartupError(`${variable} must be ${kind.expected}${kind.isSecret ? '' : `, not ${shown(given)}`}.`)
}

/** A URL may carry a password, which is not repeated. */
const shown = (value: unknown) => (JSON.stringify(value) ?? String(value)).replace(/\/\/[^/"]*@/g, '//…@')
