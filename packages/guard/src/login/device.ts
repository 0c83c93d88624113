import { setTimeout as pause } from 'node:timers/promises'
import { requested } from './authorize.ts'
import { LoginError, refused } from './error.ts'
import { type IssuerClient, isOAuthError, type OAuthError, type TokenSet } from './issuer.ts'
import type { ResolvedLogin } from './options.ts'

const DEVICE_CODE = 'urn:ietf:params:oauth:grant-type:device_code'
/** Seconds (RFC 8628 §3.5). */
const DEFAULT_INTERVAL = 5
const SLOW_DOWN = 5
const MAX_INTERVAL = 60
/** An issuer cannot make a command wait longer. */
const MAX_LIFETIME = 3_600

/**
 * Signs in with a browser on any device (RFC 8628).
 * @throws LoginError `denied`, `expired`, `refused`, `unavailable`
 */
export async function authorizeByDevice(issuer: IssuerClient, login: ResolvedLogin): Promise<TokenSet> {
  const started = await issuer.post('device', { client_id: login.clientId, ...requested(login) })
  if (isOAuthError(started)) throw refused(`The issuer refused the sign-in: ${started.description}`)
  const { device_code: code, user_code: userCode, verification_uri: uri, verification_uri_complete: complete } = started
  if (typeof code !== 'string' || typeof userCode !== 'string' || typeof uri !== 'string') {
    throw refused('The issuer did not return a device code.')
  }
  const verificationUriComplete = typeof complete === 'string' ? complete : undefined
  login.prompt({ kind: 'device', userCode, verificationUri: uri, verificationUriComplete })
  const expiresAt = Date.now() + Math.min(Number(started.expires_in) || 0, MAX_LIFETIME) * 1000
  return poll(issuer, login, code, { interval: Number(started.interval) || DEFAULT_INTERVAL, expiresAt })
}

async function poll(
  issuer: IssuerClient,
  { clientId }: ResolvedLogin,
  code: string,
  { interval, expiresAt }: { interval: number; expiresAt: number },
): Promise<TokenSet> {
  for (let seconds = interval; Date.now() < expiresAt; ) {
    await pause(Math.min(seconds, MAX_INTERVAL) * 1000)
    const form = { grant_type: DEVICE_CODE, device_code: code, client_id: clientId }
    const answer = await issuer.requestToken(form).catch(retryLater)
    if (!isOAuthError(answer)) return answer
    if (answer.error === 'slow_down') seconds += SLOW_DOWN
    else if (answer.error === UNAVAILABLE) seconds *= 2
    else if (answer.error !== 'authorization_pending') throw failure(answer)
  }
  throw tooLate()
}

const UNAVAILABLE = 'temporarily_unavailable'

/** The user may be signing in meanwhile, so that an interruption does not end the sign-in (RFC 8628 §3.5). */
function retryLater(error: unknown): OAuthError {
  if (error instanceof LoginError && error.code === 'unavailable') {
    return { error: UNAVAILABLE, description: error.message }
  }
  throw error
}

const tooLate = () => new LoginError('expired', 'Nobody entered the code in time. Start again.')

function failure({ error, description }: OAuthError): LoginError {
  if (error === 'access_denied') return new LoginError('denied', 'The sign-in was denied.')
  return error === 'expired_token' ? tooLate() : refused(`The issuer refused the sign-in: ${description}`)
}
