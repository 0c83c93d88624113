import type { JWTPayload, JWTVerifyGetKey } from 'jose'
// Only what is used: the main module takes three times as long to import.
import { jwtVerify } from 'jose/jwt/verify'
import { isMeantFor } from './audience.ts'
import { invalidToken } from './errors.ts'
import { hasDuplicateNames } from './json-names.ts'
import { flattenText, TokenTextCache } from './token-text-cache.ts'

/** The claims of a token whose signature was verified. Times are in milliseconds since the epoch. */
export interface VerifiedJwt {
  text: string
  id: string
  subject: string
  clientId: string
  scopes: string[]
  expiresAt: number
  payload: JWTPayload
}

export interface VerifierOptions<V> {
  /** Returns the public key of a header's `kid`; rejects an unknown one. */
  key: JWTVerifyGetKey
  /** The accepted values of `iss`, compared exactly (RFC 8414 §3.3). */
  issuer: string | readonly string[] | (() => readonly string[])
  /**
   * The accepted audiences, or a function that decides on an `aud`. null accepts every audience, which only the issuer may
   * do.
   */
  audience: string | readonly string[] | ((aud: unknown) => boolean | Promise<boolean>) | null
  /** Creates the cache entry of a verified token. */
  toEntry: (verified: VerifiedJwt) => V
  /** The maximum number of cached texts; the least recently used ones are evicted. Default 100,000. */
  cacheSize?: number
  /** The current time, in milliseconds since the epoch. */
  now?: () => number
}

export interface Verifier<V> {
  /** The cache entry; undefined for a text that `verify` has to check. Checks neither status nor expiry. */
  get(text: string): V | undefined
  /** @throws PosternError 401 `invalid_token`; 503 while the keys cannot be loaded */
  verify(text: string): Promise<V>
  /** Empties the cache. Call it when a key was removed. */
  clear(): void
}

const ALGORITHMS = ['ES256', 'EdDSA', 'Ed25519', 'RS256']
const COMPACT_JWS = /^[\w-]+\.[\w-]+\.[\w-]+$/
/** Far longer than any token of Postern; a longer text is rejected without being verified. */
const MAX_LENGTH = 16_384

/**
 * Verifies JWT access tokens (RFC 9068 §4, RFC 8725) and caches the texts with a valid signature: verifying a signature takes
 * sixty times as long as a look-up in the cache.
 */
export function createVerifier<V extends { readonly text: string }>({
  key,
  issuer,
  audience,
  toEntry,
  cacheSize = 100_000,
  now = Date.now,
}: VerifierOptions<V>): Verifier<V> {
  const cache = new TokenTextCache<V>(cacheSize)
  /** Incremented by `clear`, so that a token verified by a removed key meanwhile is not cached. */
  let generation = 0
  const issuers = typeof issuer === 'function' ? issuer : () => [issuer].flat()
  const options = {
    typ: 'at+jwt',
    algorithms: ALGORITHMS,
    // RFC 9068 §2.2
    requiredClaims: ['exp', 'iat', 'jti', 'sub', 'client_id'],
  }
  const accepts = acceptedBy(audience)

  async function verify(text: string): Promise<V> {
    if (text.length > MAX_LENGTH || !COMPACT_JWS.test(text) || !isCanonical(text)) throw invalidToken(MALFORMED)
    const generationBefore = generation
    const { payload } = await jwtVerify(text, key, { ...options, currentDate: new Date(now()) }).catch(error => {
      throw refusal(error)
    })
    if (hasDuplicateClaims(text)) throw invalidToken(MALFORMED)
    if ((payload.iat as number) * 1000 > now() + MAX_SKEW_MS) throw invalidToken(TOO_EARLY)
    // Read now, because loading the keys may have changed the accepted issuers.
    if (!issuers().includes(payload.iss as string)) throw invalidToken(OTHER_ISSUER)
    if (!(await accepts(payload.aud))) throw invalidToken('The access token is meant for another audience.')
    const entry = toEntry(read(flattenText(text), payload))
    if (generation === generationBefore) cache.set(entry)
    return entry
  }

  function clear(): void {
    generation++
    cache.clear()
  }

  return { get: text => cache.get(text), verify, clear }
}

function acceptedBy(audience: VerifierOptions<unknown>['audience']): (aud: unknown) => boolean | Promise<boolean> {
  if (audience === null) return () => true
  if (typeof audience === 'function') return audience
  return aud => isMeantFor(aud, [audience].flat())
}

/** The tolerated difference between the clocks of two machines, for a token that is used as soon as it is issued. */
const MAX_SKEW_MS = 60_000
const TOO_EARLY = 'The access token is not valid yet.'
const OTHER_ISSUER = 'The access token comes from another issuer.'
const MALFORMED = 'The access token is malformed.'

/**
 * Whether the signature has its canonical encoding. Unused bits in the last character of base64url allow several texts for
 * the same signature; only one of them is accepted.
 */
function isCanonical(text: string): boolean {
  const signature = text.slice(text.lastIndexOf('.') + 1)
  return Buffer.from(signature, 'base64url').toString('base64url') === signature
}

/** Whether the header or the payload has two members of the same name. */
function hasDuplicateClaims(text: string): boolean {
  const parts = text.split('.').slice(0, 2)
  return parts.some(part => hasDuplicateNames(Buffer.from(part, 'base64url').toString()))
}

function read(text: string, payload: JWTPayload): VerifiedJwt {
  const { jti, sub, client_id: clientId, scope = '', exp } = payload
  if (typeof jti !== 'string' || typeof sub !== 'string' || typeof clientId !== 'string' || typeof scope !== 'string') {
    throw invalidToken(MALFORMED)
  }
  const scopes = scope.split(' ').filter(Boolean)
  return { text, id: jti, subject: sub, clientId, scopes, expiresAt: (exp as number) * 1000, payload }
}

/** The error for the client: it helps the holder of the token and reveals nothing else. */
function refusal(error: unknown): Error {
  const { code, claim, status } = error as { code?: string; claim?: string; status?: number }
  // The key could not be loaded, which is no fault of the token.
  if (status !== undefined && status >= 500) return error as Error
  if (code === 'ERR_JWT_EXPIRED') return invalidToken('The access token has expired.', error)
  if (claim === 'nbf') return invalidToken(TOO_EARLY, error)
  if (claim === 'typ') return invalidToken('This is not an access token.', error)
  return invalidToken('The access token was not issued by this issuer, or was altered.', error)
}
