import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { openBrowser } from './browser.ts'
import { LoginError, refused } from './error.ts'
import { type IssuerClient, isOAuthError, type TokenSet } from './issuer.ts'
import { listenOnLoopback } from './loopback.ts'
import type { ResolvedLogin } from './options.ts'

/**
 * Signs in with the browser of this machine: authorization code with PKCE and a loopback redirect (RFC 8252, RFC 7636).
 * @returns undefined if the browser could not be opened
 * @throws LoginError `denied`, `expired`, `refused`, `unavailable`
 */
export async function authorizeByBrowser(
  issuer: IssuerClient,
  login: ResolvedLogin,
  command: readonly string[],
): Promise<TokenSet | undefined> {
  const state = randomBytes(16).toString('base64url')
  const verifier = randomBytes(32).toString('base64url')
  const loopback = await listenOnLoopback(query => isSame(query.get('state'), state))
  const { redirectUri } = loopback
  const timer = setTimeout(() => loopback.fail(tooLate()), login.timeoutSeconds * 1000)
  try {
    const url = authorizationUrl(issuer, login, { redirectUri, state, verifier })
    login.prompt({ kind: 'browser', url })
    openBrowser(command, url, () => loopback.fail(new NoBrowserError()))
    const code = readCode(await loopback.response, issuer, login)
    return await redeem(issuer, login, { code, redirectUri, verifier })
  } catch (error) {
    if (error instanceof NoBrowserError) return undefined
    throw error
  } finally {
    clearTimeout(timer)
    loopback.close()
  }
}

class NoBrowserError extends Error {}

const tooLate = () => new LoginError('expired', 'Nobody signed in in time. Start again.')

interface Attempt {
  redirectUri: string
  state: string
  verifier: string
}

function authorizationUrl(
  issuer: IssuerClient,
  login: ResolvedLogin,
  { redirectUri, state, verifier }: Attempt,
): string {
  const url = new URL(issuer.url('authorize'))
  const params = {
    response_type: 'code',
    client_id: login.clientId,
    redirect_uri: redirectUri,
    state,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
    ...requested(login),
  }
  for (const [name, value] of Object.entries(params)) url.searchParams.set(name, value)
  return url.href
}

/** The scopes and the API of a request. */
export const requested = ({ scopes, resource }: ResolvedLogin): Record<string, string> => ({
  ...(scopes && { scope: scopes.join(' ') }),
  ...(resource !== undefined && { resource }),
})

function isSame(sent: string | null, state: string): boolean {
  const [a, b] = [Buffer.from(sent ?? ''), Buffer.from(state)]
  return a.length === b.length && timingSafeEqual(a, b)
}

/** @throws LoginError if the response is an error, or comes from another issuer (RFC 9207 §2.4) */
function readCode(response: URLSearchParams, { namesItself }: IssuerClient, { issuer }: ResolvedLogin): string {
  const iss = response.get('iss')
  if (iss === null ? namesItself : iss.replace(/\/$/, '') !== issuer) {
    throw refused(`The response to the sign-in does not come from ${issuer}.`)
  }
  const error = response.get('error')
  if (error === 'access_denied') throw new LoginError('denied', 'The sign-in was denied.')
  if (error !== null) throw refused(`The issuer refused the sign-in: ${response.get('error_description') ?? error}`)
  return response.get('code') ?? ''
}

async function redeem(
  issuer: IssuerClient,
  { clientId, resource }: ResolvedLogin,
  { code, redirectUri, verifier }: { code: string; redirectUri: string; verifier: string },
): Promise<TokenSet> {
  const answer = await issuer.requestToken({
    grant_type: 'authorization_code',
    client_id: clientId,
    code,
    redirect_uri: redirectUri,
    code_verifier: verifier,
    ...(resource !== undefined && { resource }),
  })
  if (isOAuthError(answer)) throw refused(`The issuer refused the sign-in: ${answer.description}`)
  return answer
}
