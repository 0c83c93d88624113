import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import Value from 'typebox/value'
import { StartupError } from '../errors/errors.ts'
import { loadOrCreateAppKey } from './app-key.ts'
import { appKey, type Kind } from './kinds.ts'
import { SETTINGS, type Setting, type Settings } from './schema.ts'
import { type Environment, secret } from './secret.ts'

export { ALGORITHMS, type Algorithm, HSTS } from './schema.ts'

/** The configuration of a deployment, validated and frozen. Durations are in seconds. */
export interface Config extends Settings {
  appKey: string
  /** true: the issuer was set explicitly. false: it is derived from the port. */
  issuerChosen: boolean
}

/** Options of `openPostern`. A duration is a number of seconds, or text as in the environment variable: `'P90D'`. */
export type ConfigOptions = {
  [Name in keyof Config]?: Config[Name] extends number ? Config[Name] | string : Config[Name]
}

/**
 * Reads every setting: from the overrides, else from the environment, else its default. No other module reads the
 * environment.
 * @param overrides options of an application that embeds the server
 * @param create false: writes nothing; if there is no APP_KEY, it uses a random one that is not stored
 * @throws StartupError with one line that names the first invalid variable; TypeError for an option that is empty or
 *   unknown
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
    const value = option in overrides ? fromOption(option, setting, overrides) : fromEnvironment(setting, env)
    settings[option] = value ?? setting.fallback(settings as Settings)
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

/** The path of the catalogue in SCOPES_FILE or the working directory; undefined: only the sample of the package exists. */
export function chosenScopesFile(env: Environment = process.env): string | undefined {
  const file = resolve((fromEnvironment(SETTINGS.scopesFile, env) as string | undefined) ?? 'scopes.json')
  return env.SCOPES_FILE || existsSync(file) ? file : undefined
}

/** The APP_KEY of the environment in padded base64; undefined: not set. */
export const chosenAppKey = (env: Environment = process.env): string | undefined => readAppKey(env, {})

function readAppKey(env: Environment, overrides: ConfigOptions): string | undefined {
  const setting = { variable: 'APP_KEY', kind: appKey }
  return ('appKey' in overrides ? fromOption('appKey', setting, overrides) : fromEnvironment(setting, env)) as
    | string
    | undefined
}

function assertKnown(overrides: ConfigOptions): void {
  const unknown = Object.keys(overrides).find(
    option => !(option in SETTINGS || option === 'appKey' || option === 'issuerChosen'),
  )
  if (unknown) throw new TypeError(`openPostern has no option ${unknown}.`)
}

type Readable = Pick<Setting, 'variable' | 'kind'>

function fromEnvironment({ variable, kind }: Readable, env: Environment): unknown {
  const text = kind.isSecret ? secret(env, variable) : env[variable]
  return text ? checked(variable, kind, kind.parse(text), text) : undefined
}

function fromOption(option: string, { variable, kind }: Readable, overrides: ConfigOptions): unknown {
  const value: unknown = overrides[option as keyof Config]
  const isOptional = Value.Check(kind.schema, undefined)
  if (value === null || value === '' || (value === undefined && !isOptional)) {
    const hint = value === undefined ? ' Leave it out for its default.' : ''
    throw new TypeError(`openPostern: ${option} must be ${kind.expected}, not ${shown(value)}.${hint}`)
  }
  return value === undefined ? undefined : checked(variable, kind, parsed(kind, value), value)
}

function parsed(kind: Kind, value: unknown): unknown {
  if (typeof value === 'string') return kind.parse(value)
  // A list is normalized like the comma-separated text of its variable.
  return Array.isArray(value) && value.length > 0 ? kind.parse(value.join(',')) : value
}

function checked(variable: string, kind: Kind, value: unknown, input: unknown): unknown {
  if (value !== undefined && Value.Check(kind.schema, value)) return value
  throw new StartupError(`${variable} must be ${kind.expected}${kind.isSecret ? '' : `, not ${shown(input)}`}.`)
}

/** The value as an error message shows it. A URL may contain credentials, which are masked. */
const shown = (value: unknown) => (JSON.stringify(value) ?? String(value)).replace(/\/\/[^/"]*@/g, '//…@')
