import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import { normalizeIssuer } from '../../packages/guard/src/issuer-url.ts'
import type { LoginOptions } from '../../packages/guard/src/login/index.ts'
import { isProtected } from '../../packages/guard/src/login/options.ts'
import { configFolder } from '../../packages/guard/src/login/store/store.ts'
import { COMMAND_LINE_ID } from '../clients/command-line-id.ts'
import { UsageError } from './errors.ts'

/** The options of every command that uses a sign-in. */
export interface SignInOptions {
  issuer?: string
  client?: string
  keyring?: boolean
}

const NAME = 'postern'
const DEFAULT_ISSUER = 'http://localhost:3000'

export const withSignInOptions = (command: Command): Command =>
  command
    .option('--issuer <url>', 'issuer (default: ISSUER, else that of the last sign-in)')
    .option('--client <id>', 'public client to sign in with (default: the client of the command line)')
    .option('--no-keyring', 'store the tokens in a file, also where the system has a keyring')

/** @throws UsageError for an issuer that is not a URL */
export function toLoginOptions({ issuer, client = COMMAND_LINE_ID, keyring }: SignInOptions): LoginOptions {
  const chosen = issuer ?? process.env.ISSUER ?? lastIssuer() ?? DEFAULT_ISSUER
  const normal = normalizeIssuer(chosen)
  if (normal === undefined) throw new UsageError(`${chosen} is not the URL of an issuer.`)
  if (!isProtected(normal)) throw new UsageError(`The issuer ${normal} must use https, except for loopback addresses.`)
  return { issuer: normal, clientId: client, name: NAME, keyring }
}

/** Remembers the issuer of the last sign-in, for commands that do not name one. */
const lastFile = () => join(configFolder(NAME), 'issuer')

function lastIssuer(): string | undefined {
  try {
    return normalizeIssuer(readFileSync(lastFile(), 'utf8').trim())
  } catch {
    return undefined
  }
}

export function rememberIssuer(issuer: string): void {
  mkdirSync(configFolder(NAME), { recursive: true, mode: 0o700 })
  writeFileSync(lastFile(), `${issuer}\n`, { mode: 0o600 })
}

export function forgetIssuer(issuer: string): void {
  if (lastIssuer() === issuer) rmSync(lastFile(), { force: true })
}
