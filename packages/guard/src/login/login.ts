import { authorizeByBrowser } from './authorize.ts'
import { browserCommand } from './browser.ts'
import { authorizeByDevice } from './device.ts'
import { refused } from './error.ts'
import { type IssuerClient, openIssuer, type TokenSet } from './issuer.ts'
import { type LoginOptions, type ResolvedLogin, resolveOptions } from './options.ts'
import { revokeTokens } from './revoke.ts'
import { openStore, type Place } from './store/store.ts'
import { type LoginToken, tokenFromEnvironment } from './token.ts'

/**
 * Signs the user of a command line in, and stores the tokens in the keyring of the system. Where there is none, they are
 * stored in a file that only the user can read, with a warning.
 *
 * It uses the browser of this machine where one can be opened (authorization code with PKCE and a loopback redirect, RFC
 * 8252), otherwise a device code (RFC 8628). A previous sign-in is replaced, and revoked at the issuer. If the environment
 * variable of the options is set, its token is returned and nobody has to sign in.
 * @throws LoginError if the user denies or does not answer, or the issuer refuses or cannot be reached
 * @throws TypeError for an invalid option
 * @example
 * import { getAccessToken, login, logout } from 'postern-guard/login'
 *
 * const options = { issuer: 'https://id.example.com', clientId: 'CLIENT_ID', scopes: ['orders:read'], name: 'orders' }
 * await login(options)
 * const { accessToken } = await getAccessToken(options)
 * await logout(options)
 */
export async function login(options: LoginOptions): Promise<LoginToken> {
  const resolved = resolveOptions('login', options)
  const fixed = tokenFromEnvironment(resolved)
  if (fixed) return fixed
  const issuer = await openIssuer(resolved.issuer)
  const tokens = await authorize(issuer, resolved)
  const source = await store(issuer, resolved, tokens)
  const { accessToken, expiresAt, scopes } = tokens
  return { accessToken, expiresAt, scopes, source }
}

async function authorize(issuer: IssuerClient, resolved: ResolvedLogin): Promise<TokenSet> {
  const { method } = resolved
  const command = method === 'device' ? undefined : browserCommand(process.env, process.platform)
  if (command && issuer.has('authorize')) {
    const tokens = await authorizeByBrowser(issuer, resolved, command)
    if (tokens) return tokens
  }
  if (method === 'browser') throw refused('No browser can be opened here.')
  return authorizeByDevice(issuer, resolved)
}

async function store(issuer: IssuerClient, resolved: ResolvedLogin, tokens: TokenSet): Promise<Place> {
  const logins = openStore(resolved)
  const { place, previous } = await logins.exclusively(async () => {
    const previous = await logins.read()
    return { previous, place: await logins.write(tokens) }
  })
  if (place === 'file' && resolved.keyring !== false) {
    resolved.prompt({
      kind: 'warning',
      message: `This system has no keyring that can be used. The tokens are stored in ${logins.file}.`,
    })
  }
  // The new sign-in is complete; the old one ends by itself if this fails.
  if (previous) await revokeTokens(issuer, resolved, previous).catch(() => {})
  return place
}
