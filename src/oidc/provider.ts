import { createPrivateKey } from 'node:crypto'
import type { Configuration } from 'openid-client'
import type { OidcProvider } from '../config/oidc.ts'
import { withTimeout } from '../database/timeout.ts'
import { PosternError } from '../errors/errors.ts'
import { type Person, SignInRefused, toPerson } from './claims.ts'

/** What a sign-in has to prove when the browser comes back. */
export interface Checks {
  state: string
  nonce: string
  verifier: string
}

export interface ProviderClient {
  readonly config: OidcProvider
  /** The URL to send the browser to. @param fresh the person must prove again who they are */
  authorizationUrl(redirectUri: string, checks: Checks, fresh: boolean): Promise<string>
  /** Redeems the code of the URL that the browser came back with. @throws SignInRefused; 503 while the provider is away */
  redeem(callbackUrl: URL, checks: Checks): Promise<Person>
  /** The URL of the provider's JWK Set. */
  jwksUri(): Promise<URL>
}

/** Nobody waits longer for a provider, whatever it does. */
const MAX_WAIT_MS = 5_000
/** Seconds after which the provider's metadata is loaded again. */
const METADATA_SECONDS = 3_600
/** Seconds that the session at the provider may be old; longer than any is. */
const LONGEST_SESSION = String(365 * 86_400)
/** Milliseconds after a failure during which the provider is not asked again. */
const RETRY_MS = 1_000

/** The metadata is loaded at the first sign-in: a provider that is away stops neither the start nor the tokens. */
export function createProviderClient(config: OidcProvider): ProviderClient {
  let loaded: { at: number; configuration: Promise<Configuration> } | undefined

  function configuration(): Promise<Configuration> {
    if (loaded && Date.now() - loaded.at < METADATA_SECONDS * 1000) return loaded.configuration
    const discovering = { at: Date.now(), configuration: discover(config) }
    loaded = discovering
    discovering.configuration.catch(() => {
      setTimeout(() => {
        if (loaded === discovering) loaded = undefined
      }, RETRY_MS).unref()
    })
    return discovering.configuration
  }

  const within = <T>(work: () => Promise<T>): Promise<T> =>
    withTimeout(work(), MAX_WAIT_MS, () => providerUnavailable(config.label)).catch(error => {
      throw translate(error, config.label)
    })

  return {
    config,
    authorizationUrl: (redirectUri, { state, nonce, verifier }, fresh) =>
      within(async () => {
        const { buildAuthorizationUrl, calculatePKCECodeChallenge } = await import('openid-client')
        return buildAuthorizationUrl(await configuration(), {
          redirect_uri: redirectUri,
          scope: config.scopes,
          state,
          nonce,
          code_challenge: await calculatePKCECodeChallenge(verifier),
          code_challenge_method: 'S256',
          // With `max_age` the provider says when the person proved who they are (OpenID Connect Core §2).
          ...(fresh ? { prompt: 'login', max_age: '0' } : { max_age: LONGEST_SESSION }),
        }).href
      }),
    redeem: (callbackUrl, { state, nonce, verifier }) =>
      within(async () => {
        const { authorizationCodeGrant, fetchUserInfo } = await import('openid-client')
        const at = await configuration()
        const tokens = await authorizationCodeGrant(at, callbackUrl, {
          pkceCodeVerifier: verifier,
          expectedState: state,
          expectedNonce: nonce,
          idTokenExpected: true,
        })
        const claims = tokens.claims() as Record<string, unknown> & { sub: string }
        const more = at.serverMetadata().userinfo_endpoint
          ? await fetchUserInfo(at, tokens.access_token, claims.sub)
          : {}
        return toPerson({ ...more, ...claims }, config)
      }),
    jwksUri: () => within(async () => new URL((await configuration()).serverMetadata().jwks_uri as string)),
  }
}

async function discover({ issuer, clientId, clientSecret, privateKey }: OidcProvider): Promise<Configuration> {
  const client = await import('openid-client')
  const authentication =
    privateKey === undefined
      ? client.ClientSecretBasic(clientSecret)
      : client.PrivateKeyJwt(await cryptoKey(privateKey))
  // The operator chose the issuer; plain http is for a provider on the same machine or network.
  const insecure = issuer.startsWith('http:') ? [client.allowInsecureRequests] : []
  return client.discovery(new URL(issuer), clientId, undefined, authentication, {
    timeout: MAX_WAIT_MS / 1000,
    execute: [...insecure, client.enableNonRepudiationChecks],
  })
}

/** @param pem a private key: RSA, or EC on P-256, P-384 or P-521, or Ed25519 */
function cryptoKey(pem: string): ReturnType<typeof crypto.subtle.importKey> {
  const key = createPrivateKey(pem)
  const { namedCurve } = key.asymmetricKeyDetails ?? {}
  const curves: Record<string, string> = { prime256v1: 'P-256', secp384r1: 'P-384', secp521r1: 'P-521' }
  const algorithm =
    key.asymmetricKeyType === 'rsa'
      ? { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }
      : namedCurve
        ? { name: 'ECDSA', namedCurve: curves[namedCurve] as string }
        : { name: 'Ed25519' }
  const der = key.export({ type: 'pkcs8', format: 'der' })
  return crypto.subtle.importKey('pkcs8', new Uint8Array(der), algorithm, false, ['sign'])
}

const providerUnavailable = (label: string, cause?: unknown) =>
  new PosternError({
    status: 503,
    code: 'temporarily_unavailable',
    detail: `${label} does not respond at the moment. Try again.`,
    headers: { 'retry-after': '5' },
    cause,
  })

/** Errors of the network and of the provider itself are 503; everything else refuses the sign-in. */
function translate(error: unknown, label: string): Error {
  if (error instanceof PosternError || error instanceof SignInRefused) return error
  const { name, code, cause, status } = error as { name?: string; code?: string; cause?: unknown; status?: number }
  const response = cause as { status?: number } | undefined
  const isAway =
    /^(TimeoutError|AbortError)$/.test(name ?? '') ||
    /TIMEOUT|ABORT/.test(code ?? '') ||
    (error instanceof TypeError && error.message === 'fetch failed') ||
    (status ?? response?.status ?? 0) >= 500
  return isAway ? providerUnavailable(label, error) : new SignInRefused((error as Error).message, { cause: error })
}
