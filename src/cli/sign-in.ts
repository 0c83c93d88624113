import type { Command } from 'commander'
import type { LoginOptions, LoginToken } from '../../packages/guard/src/login/index.ts'
import { requestApi } from './api.ts'
import { CommandError } from './errors.ts'
import { examples, JSON_OPTION, type JsonOption } from './options.ts'
import { note, printable, printResult, time } from './output.ts'
import {
  forgetIssuer,
  rememberIssuer,
  type SignInOptions,
  toLoginOptions,
  withSignInOptions,
} from './sign-in-options.ts'

interface LoginCommandOptions extends SignInOptions, JsonOption {
  scope?: string[]
  resource?: string
  device?: boolean
}

interface LogoutCommandOptions extends SignInOptions, JsonOption {
  local?: boolean
}

/** The scope that `whoami` needs to show name and e-mail address. The catalogue is not loaded for it. */
const USER_READ = 'user:read'

/** The commands that sign a user of an issuer in and out. They need no database. */
export function signInCommands(postern: Command): void {
  withSignInOptions(postern.command('login'))
    .description(
      'Sign in at an issuer, with the browser or, where none can be opened, with a code for a browser on any device. The ' +
        'tokens are stored in the keyring of the system, or else in a file that only you can read.',
    )
    .option('--scope <scope...>', `scopes (default: the default scopes of the issuer, and ${USER_READ})`)
    .option('--resource <uri>', 'API that the tokens are for (default: every API)')
    .option('--device', 'use a device code, also where a browser can be opened')
    .option(...JSON_OPTION)
    .addHelpText(
      'after',
      examples('postern login --issuer https://id.example.com', 'postern login --scope orders:read'),
    )
    .action(signIn)

  withSignInOptions(postern.command('logout'))
    .description('Revoke the tokens of the sign-in at the issuer, and delete them.')
    .option('--local', 'delete them without revoking them, for an issuer that no longer exists')
    .option(...JSON_OPTION)
    .addHelpText('after', examples('postern logout'))
    .action(signOut)

  withSignInOptions(postern.command('whoami'))
    .description('Show who is signed in, with which scopes, and until when.')
    .option(...JSON_OPTION)
    .addHelpText('after', examples('postern whoami'))
    .action(whoami)
}

const loginModule = () => import('../../packages/guard/src/login/index.ts')

async function signIn({ scope, resource, device, json, ...options }: LoginCommandOptions): Promise<void> {
  const { login } = await loginModule()
  const target = toLoginOptions(options)
  const scopes = process.env.POSTERN_TOKEN ? undefined : (scope ?? (await defaultScopes(target.issuer)))
  const token = await login({ ...target, scopes, resource, method: device ? 'device' : undefined })
  if (token.source === 'environment') {
    throw new CommandError('POSTERN_TOKEN is set, and is used in place of a sign-in. Unset it first.')
  }
  rememberIssuer(target.issuer)
  printResult(
    json,
    describe(target, token),
    `Signed in at ${target.issuer} with ${token.scopes.join(' ') || 'no scopes'}.`,
  )
}

async function defaultScopes(issuer: string): Promise<string[]> {
  const { status, body } = await requestApi(`${issuer}/scopes`)
  if (status !== 200 || !Array.isArray(body)) throw new CommandError(`${issuer} is not a Postern issuer.`)
  return body.filter(scope => scope.default === true || scope.id === USER_READ).map(scope => String(scope.id))
}

async function signOut({ local, json, ...options }: LogoutCommandOptions): Promise<void> {
  const { logout } = await loginModule()
  const target = toLoginOptions(options)
  const signedOut = await logout({ ...target, local })
  forgetIssuer(target.issuer)
  const text = signedOut ? `Signed out at ${target.issuer}.` : `Nobody was signed in at ${target.issuer}.`
  printResult(json, { issuer: target.issuer, signed_out: signedOut }, text)
  if (process.env.POSTERN_TOKEN) note('POSTERN_TOKEN is still set. Its token was not revoked.')
}

async function whoami({ json, ...options }: SignInOptions & JsonOption): Promise<void> {
  const { getAccessToken } = await loginModule()
  const target = toLoginOptions(options)
  const url = `${target.issuer}/api/user`
  let token = await getAccessToken(target)
  let found = await requestApi(url, token.accessToken)
  if (found.status === 401 && token.source !== 'environment') {
    token = await getAccessToken({ ...target, rejected: token.accessToken })
    found = await requestApi(url, token.accessToken)
  }
  if (found.status !== 200) throw new CommandError(`${url} returned ${found.status}: ${found.body?.detail ?? ''}`)
  const user = found.body.data
  printResult(json, { ...describe(target, token), user }, toText(target, token, user))
}

const describe = ({ issuer }: LoginOptions, { scopes, expiresAt, source }: LoginToken) => ({
  issuer,
  source,
  scopes: source === 'environment' ? null : scopes,
  expires_at: expiresAt?.toISOString() ?? null,
})

const SOURCES = { environment: 'the variable POSTERN_TOKEN', keyring: 'the keyring', file: 'a file' } as const

function toText({ issuer }: LoginOptions, { scopes, expiresAt, source }: LoginToken, user: User): string {
  const lines = [
    `${user.name === undefined ? user.id : `${user.name} <${user.email}>`} at ${issuer}`,
    `Token from ${SOURCES[source]}${expiresAt ? `, refreshed after ${time(expiresAt)}` : ''}`,
    ...(source === 'environment' ? [] : [`Scopes: ${scopes.join(' ') || 'none'}`]),
  ]
  return lines.map(printable).join('\n')
}

interface User {
  id: string
  name?: string
  email?: string
}
