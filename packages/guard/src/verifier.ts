import { type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose'
import { isMeantFor } from './audience.ts'
import { invalidToken } from './errors.ts'
import { hasDuplicateNames } from './json-names.ts'
import { flattenText, TokenTextCache } from './token-text-cache.ts'

/** What a signed token says, once its signature has been checked. Times are in milliseconds since the epoch. */
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
  /** The public key for a header's `kid`; rejects for one that is not in use. */
  key: JWTVerifyGetKey
  /** What `iss` may be, letter by letter (RFC 8414 §3.3). */
  issuer: string | readonly string[] | (() => readonly string[])
  /**
   * What a token may be meant for, by its `aud`: one of these audiences, or what a function decides. null: anything,
   * which only the issuer may ask.
   */
  audience: string | readonly string[] | ((aud: unknown) => boolean | Promise<boolean>) | null
  /** What is remembered of a text, for whoever asks again. */
  toEntry: (verified: VerifiedJwt) => V
  /** Texts remembered at most; those not used for longest are forgotten. */
  cacheSize?: number
  /** The time that tokens are checked against, in milliseconds since the epoch. */
  now?: () => number
}

export interface Verifier<V> {
  /** Checked before, or undefined: then ask `verify`. Says nothing about status or expiry. */
  get(text: string): V | undefined
  /** @throws 401 `invalid_token` */
  verify(text: string): Promise<V>
  /** After a key was retired. */
  clear(): void
}

const ALGORITHMS = ['ES256', 'EdDSA', 'Ed25519', 'RS256']
const COMPACT_JWS = /^[\w-]+\.[\w-]+\.[\w-]+$/
/** No token of ours comes near; a longer text is not worth hashing. */
const MAX_LENGTH = 16_384

/**
 * Checks JWT access tokens (RFC 9068 §4, RFC 8725) and remembers the texts whose signature held: a signature costs
 * sixty times what remembering it does.
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
  /** How often it was forgotten: what is being checked meanwhile may hold by a key that is gone. */
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
    if ((payload.iat as number) * 1000 > now() + LARGEST_SKEW_MS) throw invalidToken(TOO_EARLY)
    // Asked now: which ones are accepted may have been learnt with the keys.
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

/** What the clocks of two machines may differ by, for a token that is used at once. */
const LARGEST_SKEW_MS = 60_000
const TOO_EARLY = 'The access token is not valid yet.'
const OTHER_ISSUER = 'The access token comes from another issuer.'
const MALFORMED = 'The access token is malformed.'

/**
 * Base64url leaves bits over in a last character; with other bits there the text differs and decodes alike. One token
 * has one text here.
 */
function isCanonical(text: string): boolean {
  const signature = text.slice(text.lastIndexOf('.') + 1)
  return Buffer.from(signature, 'base64url').toString('base64url') === signature
}

/** In the header or in the payload, whose signature held. */
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

/** Why it was refused, as far as it helps the holder and tells nobody else anything. */
function refusal(error: unknown): Error {
  const { code, claim, status } = error as { code?: string; claim?: string; status?: number }
  // The key could not be had, for a reason that is not the token's: that error speaks for itself.
  if (status !== undefined && status >= 500) return error as Error
  if (code === 'ERR_JWT_EXPIRED') return invalidToken('The access token has expired.', error)
  if (claim === 'nbf') return invalidToken(TOO_EARLY, error)
  if (claim === 'typ') return invalidToken('This is not an access token.', error)
  return invalidToken('The access token was not issued here, or was altered.', error)
}
