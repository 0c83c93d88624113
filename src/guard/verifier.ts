import { type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose'
import { LRUCache } from 'lru-cache'
import { invalidToken } from './errors.ts'

/** What a signed token says, once its signature has been checked. Times are in milliseconds since the epoch. */
export interface Verified {
  id: string
  subject: string
  clientId: string
  scopes: string[]
  expiresAt: number
  payload: JWTPayload
}

export interface VerifierOptions {
  /** The public key for a header's `kid`; rejects for one that is not in use. */
  key: JWTVerifyGetKey
  issuer: string
  /** What a token must be meant for; null: anything, which only the issuer may ask. */
  audience: string | null
  /** Texts remembered, least recently used forgotten first. */
  remember?: number
  /** The time that tokens are checked against, in milliseconds since the epoch. */
  now?: () => number
}

export interface Verifier {
  /** Checked before, or undefined: then ask `verify`. Says nothing about status or expiry. */
  recall(text: string): Verified | undefined
  /** @throws 401 `invalid_token` */
  verify(text: string): Promise<Verified>
  /** After a key was retired. */
  forget(): void
}

const ALGORITHMS = ['ES256', 'EdDSA', 'Ed25519', 'RS256']
const COMPACT_JWS = /^[\w-]+\.[\w-]+\.[\w-]+$/
/** No token of ours comes near; a longer text is not worth hashing. */
const LONGEST = 16_384

/**
 * Checks JWT access tokens (RFC 9068 §4, RFC 8725) and remembers the texts whose signature held: a signature costs
 * sixty times what remembering it does.
 */
export function createVerifier({
  key,
  issuer,
  audience,
  remember = 100_000,
  now = Date.now,
}: VerifierOptions): Verifier {
  const known = new LRUCache<string, { text: string; verified: Verified }>({ max: remember })
  const options = {
    issuer,
    ...(audience !== null && { audience }),
    typ: 'at+jwt',
    algorithms: ALGORITHMS,
    requiredClaims: ['exp', 'jti', 'sub'],
  }

  async function verify(text: string): Promise<Verified> {
    if (text.length > LONGEST || !COMPACT_JWS.test(text) || !isCanonical(text)) throw invalidToken(MALFORMED)
    const { payload } = await jwtVerify(text, key, { ...options, currentDate: new Date(now()) }).catch(error => {
      throw refusal(error)
    })
    const verified = read(payload)
    known.set(endOf(text), { text, verified })
    return verified
  }

  function recall(text: string): Verified | undefined {
    const found = known.get(endOf(text))
    return found?.text === text ? found.verified : undefined
  }

  return { recall, verify, forget: () => known.clear() }
}

/**
 * The end of a token is the end of its signature: enough to find it by, and a tenth of what hashing the whole for a
 * look-up costs. That the rest is the same text is compared.
 */
const endOf = (text: string) => text.slice(-43)

const MALFORMED = 'The access token is malformed.'

/**
 * Base64url leaves bits over in a last character; with other bits there the text differs and decodes alike. One token
 * has one text here.
 */
function isCanonical(text: string): boolean {
  const signature = text.slice(text.lastIndexOf('.') + 1)
  return Buffer.from(signature, 'base64url').toString('base64url') === signature
}

function read(payload: JWTPayload): Verified {
  const { jti, sub, client_id: clientId, scope = '', exp } = payload
  if (typeof jti !== 'string' || typeof sub !== 'string' || typeof clientId !== 'string' || typeof scope !== 'string') {
    throw invalidToken(MALFORMED)
  }
  const scopes = scope.split(' ').filter(Boolean)
  return { id: jti, subject: sub, clientId, scopes, expiresAt: (exp as number) * 1000, payload }
}

/** Why it was refused, as far as it helps the holder and tells nobody else anything. */
function refusal(error: unknown): Error {
  const { code, claim, status } = error as { code?: string; claim?: string; status?: number }
  // The key could not be had, for a reason that is not the token's: that error speaks for itself.
  if (status !== undefined && status >= 500) return error as Error
  if (code === 'ERR_JWT_EXPIRED') return invalidToken('The access token has expired.', error)
  if (claim === 'aud') return invalidToken('The access token is meant for another audience.', error)
  if (claim === 'iss') return invalidToken('The access token comes from another issuer.', error)
  if (claim === 'nbf') return invalidToken('The access token is not valid yet.', error)
  if (claim === 'typ') return invalidToken('This is not an access token.', error)
  return invalidToken('The access token was not issued here, or was altered.', error)
}
