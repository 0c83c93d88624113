import { LoginError, notSignedIn } from './error.ts'
import { isOAuthError, openIssuer } from './issuer.ts'
import { type LoginOptions, type ResolvedLogin, resolveOptions } from './options.ts'
import { type LoginStore, openStore, type Place, type StoredLogin } from './store/store.ts'

/** An access token of a command line. */
export interface LoginToken {
  accessToken: string
  /** undefined: unknown, for the token of an environment variable. */
  expiresAt: Date | undefined
  /** The granted scopes; empty for the token of an environment variable, since they are unknown. */
  scopes: string[]
  /** Where it comes from. */
  source: Place | 'environment'
}

export interface AccessTokenOptions extends LoginOptions {
  /** A token that an API has just refused: it is refreshed even if it has not expired. */
  rejected?: string | undefined
}

/** A token is refreshed this long before it expires, so that it does not expire on its way. */
const MARGIN_MS = 60_000

/**
 * Returns a valid access token of the signed-in user. It is refreshed shortly before it expires; of several processes, one
 * refreshes and the others use its result. The environment variable of the options wins.
 * @throws LoginError `not_signed_in` if nobody is signed in or the sign-in has ended, `unavailable` if the token has expired
 *   and the issuer cannot be reached
 */
export async function getAccessToken({ rejected, ...options }: AccessTokenOptions): Promise<LoginToken> {
  const resolved = resolveOptions('getAccessToken', options)
  const fixed = tokenFromEnvironment(resolved)
  if (fixed) return fixed
  const store = openStore(resolved)
  const stored = await store.read()
  if (!stored) throw nobody(resolved)
  if (isFresh(stored, rejected)) return toLoginToken(stored)
  return store.exclusively(() => refreshed(store, resolved, rejected))
}

/** The token of the environment variable, if it is set. */
export function tokenFromEnvironment({ variable }: ResolvedLogin): LoginToken | undefined {
  const accessToken = process.env[variable]?.trim()
  return accessToken ? { accessToken, expiresAt: undefined, scopes: [], source: 'environment' } : undefined
}

const isFresh = ({ accessToken, expiresAt }: StoredLogin, rejected: string | undefined) =>
  accessToken !== rejected && expiresAt.getTime() - Date.now() > MARGIN_MS

const toLoginToken = ({ accessToken, expiresAt, scopes, place }: StoredLogin): LoginToken => ({
  accessToken,
  expiresAt,
  scopes,
  source: place,
})

const nobody = ({ issuer }: ResolvedLogin) => notSignedIn(`Nobody is signed in at ${issuer}.`)

/** Under the lock: another process may have refreshed the token meanwhile. */
async function refreshed(
  store: LoginStore,
  resolved: ResolvedLogin,
  rejected: string | undefined,
): Promise<LoginToken> {
  const stored = await store.read()
  if (!stored) throw nobody(resolved)
  if (isFresh(stored, rejected)) return toLoginToken(stored)
  try {
    return await refresh(store, resolved, stored)
  } catch (error) {
    const isValid = stored.accessToken !== rejected && stored.expiresAt.getTime() > Date.now()
    if (error instanceof LoginError && error.code === 'unavailable' && isValid) return toLoginToken(stored)
    throw error
  }
}

async function refresh(store: LoginStore, resolved: ResolvedLogin, stored: StoredLogin): Promise<LoginToken> {
  const { refreshToken } = stored
  if (refreshToken === undefined) throw ended(resolved)
  const issuer = await openIssuer(resolved.issuer)
  const form = { grant_type: 'refresh_token', client_id: resolved.clientId, refresh_token: refreshToken }
  const answer = await issuer.requestToken(form)
  if (isOAuthError(answer)) {
    // What the issuer has ended cannot be used again. Other errors may be temporary.
    if (answer.error === 'invalid_grant') await store.delete()
    throw ended(resolved, answer.description)
  }
  // An issuer that does not rotate refresh tokens returns none (RFC 6749 §6).
  const tokens = { ...answer, refreshToken: answer.refreshToken ?? refreshToken }
  return toLoginToken({ ...tokens, place: await store.write(tokens) })
}

const ended = ({ issuer }: ResolvedLogin, cause?: string) => notSignedIn(`The sign-in at ${issuer} has ended.`, cause)
