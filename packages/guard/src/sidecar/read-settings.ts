import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import type { Basic } from './credential.ts'
import type { LogLevel } from './log.ts'
import type { SidecarOptions } from './options.ts'
import { flagOf, SETTINGS, type Setting } from './settings.ts'

/** A flag or a variable that is missing or has a wrong value. The message is one line that names it. */
export class SettingsError extends Error {}

export type Environment = Readonly<Record<string, string | undefined>>

export interface Settings extends Omit<SidecarOptions, 'log'> {
  port: number
  host: string
  basic: Basic
  logLevel: LogLevel
}

/** The flags: one for each setting, and the path of its file for a secret, which other users could read in a flag. */
const FLAGS = Object.entries(SETTINGS).map(([variable, { isSecret }]) =>
  flagOf(isSecret ? `${variable}_FILE` : variable),
)

export interface Flags {
  help: boolean
  version: boolean
  values: Environment
}

/** @throws SettingsError for an unknown flag, a flag without a value or given twice, and an argument */
export function parseFlags(args: readonly string[]): Flags {
  if (args.some(arg => /^--client-secret(=|$)/.test(arg))) {
    throw new SettingsError('Other users can read a secret in a flag: use CLIENT_SECRET or --client-secret-file.')
  }
  const { help, version, ...rest } = parsed(args)
  const values = Object.entries(rest).map(([flag, texts]) => [flag, single(flag, texts as string[])])
  return { help: help === true, version: version === true, values: Object.fromEntries(values) }
}

function parsed(args: readonly string[]) {
  const flags = Object.fromEntries(FLAGS.map(flag => [flag, { type: 'string', multiple: true }] as const))
  const switches = { help: { type: 'boolean', short: 'h' }, version: { type: 'boolean', short: 'v' } } as const
  try {
    return parseArgs({ args: [...args], options: { ...flags, ...switches } }).values
  } catch (error) {
    throw new SettingsError((error as Error).message.split('\n', 1)[0])
  }
}

/** Only `--audience` can be given several times. */
function single(flag: string, texts: string[]): string {
  if (texts.length > 1 && flag !== 'audience') throw new SettingsError(`--${flag} is given twice.`)
  return texts.join(' ')
}

/**
 * Reads every setting: from its flag, else from its variable, else its default. An empty variable counts as not set.
 * @throws SettingsError that names the first wrong flag or variable
 */
export function readSettings(flags: Environment, env: Environment): Settings {
  const read = (variable: string) => valueFrom(variable, SETTINGS[variable] as Setting, flags, env)
  const issuer = read('ISSUER')
  if (issuer === undefined) throw new SettingsError('ISSUER is missing: set it, or --issuer.')
  const [clientId, clientSecret] = [read('CLIENT_ID'), read('CLIENT_SECRET')]
  if ((clientId === undefined) !== (clientSecret === undefined)) {
    const missing = clientId === undefined ? 'CLIENT_ID' : 'CLIENT_SECRET'
    throw new SettingsError(`${missing} is missing: set both CLIENT_ID and CLIENT_SECRET, or neither.`)
  }
  if (read('REPORT_USAGE') && clientId === undefined) {
    throw new SettingsError('REPORT_USAGE needs CLIENT_ID and CLIENT_SECRET.')
  }
  const [audience, resource] = [read('AUDIENCE'), read('RESOURCE')]
  return {
    issuer,
    ...(audience !== undefined && { audience }),
    ...(clientId !== undefined && { clientId, clientSecret }),
    ...(resource !== undefined && { resource }),
    port: read('PORT'),
    host: read('HOST'),
    basic: read('BASIC'),
    maxStalenessSeconds: read('MAX_STALENESS_SECONDS'),
    inherit: read('INHERIT'),
    reportUsage: read('REPORT_USAGE'),
    logLevel: read('LOG_LEVEL'),
  } as Settings
}

function valueFrom(variable: string, setting: Setting, flags: Environment, env: Environment): unknown {
  const { expected, fallback, isSecret } = setting
  const flag = flags[flagOf(variable)]
  const text = flag ?? (isSecret ? secretOf(variable, flags, env) : env[variable] || fallback)
  if (text === undefined) return undefined
  const value = setting.parse(text)
  if (value !== undefined) return value
  const name = flag === undefined ? variable : `--${flagOf(variable)}`
  throw new SettingsError(`${name} must be ${expected}${isSecret ? '' : `, not ${JSON.stringify(text)}`}.`)
}

/** A byte order mark and trailing newlines of the file are not part of the secret. */
function secretOf(variable: string, flags: Environment, env: Environment): string | undefined {
  const flag = flagOf(`${variable}_FILE`)
  const file = flags[flag] ?? env[`${variable}_FILE`]
  if (file === undefined || (file === '' && flags[flag] === undefined)) return env[variable] || undefined
  const name = flags[flag] === undefined ? `${variable}_FILE` : `--${flag}`
  if (env[variable]) throw new SettingsError(`${variable} and ${name} are both set: remove one of them.`)
  const text = contentOf(name, file)
    .replace(/^\uFEFF/, '')
    .replace(/[\r\n]+$/, '')
  if (text.trim() === '') throw new SettingsError(`${name} ${file} is empty.`)
  return text
}

function contentOf(name: string, file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new SettingsError(`${name} ${file} cannot be read (${(error as NodeJS.ErrnoException).code}).`)
  }
}
