import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { StartupError } from '../errors/errors.ts'
import { loadOrCreateAppKey } from './app-key.ts'
import { appKey } from './kinds.ts'
import { type OidcProvider, type OidcProviderOptions, readProviders } from './oidc.ts'
import { fromEnvironment, fromOption } from './read.ts'
import { SETTINGS, type Setting, type Settings } from './schema.ts'
import type { Environment } from './secret.ts'

export { ALGORITHMS, type Algorithm, HSTS } from './schema.ts'

/** The configuration of a deployment, validated and frozen. Durations are in seconds. */
export interface Config extends Settings {
  appKey: string
  /** true: the issuer was set explicitly. false: it is derived from the port. */
  issuerChosen: boolean
  /** The OpenID providers that users sign in with, by the variables `OIDC_…`, `OIDC_2_…` and so on. */
  oidc: readonly OidcProvider[]
}

/** Options of `openPostern`. A duration is a number of seconds, or text as in the environment variable: `'P90D'`. */
export type ConfigOptions = {
  [Name in Exclude<keyof Config, 'oidc'>]?: Config[Name] extends number ? Config[Name] | string : Config[Name]
} & { oidc?: readonly OidcProviderOptions[] }

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
  if (config.dcr === 'token' && !config.initialAccessToken) {
    throw new StartupError('INITIAL_ACCESS_TOKEN is required with DCR=token.')
  }
  if (config.smtpUrl && !config.mailFrom) {
    throw new StartupError('MAIL_FROM is required with SMTP_URL: the address that mails are sent from.')
  }
  const oidc = readProviders(env, overrides.oidc)
  if (config.passwords === 'off' && oidc.length === 0) {
    throw new StartupError('PASSWORDS is off and OIDC_ISSUER is not set, so nobody could sign in.')
  }
  const { databaseUrl } = config
  const dataDir = resolve(config.dataDir)
  const key = readAppKey(env, overrides)
  return Object.freeze({
    ...config,
    scopesFile: resolve(config.scopesFile),
    dataDir,
    oidc,
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
    option => !(option in SETTINGS || ['appKey', 'issuerChosen', 'oidc'].includes(option)),
  )
  if (unknown) throw new TypeError(`openPostern has no option ${unknown}.`)
}
