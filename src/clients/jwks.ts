import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto'
import type { JWK } from 'jose'
import { invalid } from '../errors/errors.ts'

/** Algorithms for client assertions (RFC 7518 §3.1, RFC 8037), without `none` and without shared secrets. */
export const ASSERTION_ALGORITHMS = [
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
  'PS256',
  'PS384',
  'PS512',
  'RS256',
  'RS384',
  'RS512',
]

/** Members that only private or symmetric keys have (RFC 7518 §6). */
const PRIVATE = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']
const CURVES = ['P-256', 'P-384', 'P-521', 'Ed25519']
const MAX_KEYS = 10
const MIN_RSA_BITS = 2_048

/** @throws 422 for a set that is empty, or contains a private, weak or unusable key */
export function validateJwks({ keys }: { keys: readonly JWK[] }): { keys: JWK[] } {
  if (Array.isArray(keys) && keys.length >= 1 && keys.length <= MAX_KEYS) return { keys: keys.map(validateKey) }
  throw invalid({ path: 'jwks/keys', message: `must contain 1 to ${MAX_KEYS} public keys` })
}

function validateKey(jwk: JWK, index: number): JWK {
  const path = `jwks/keys/${index}`
  if (PRIVATE.some(name => name in Object(jwk)))
    throw invalid({ path, message: 'must be a public key, but it has members of a private one' })
  const key = publicKey(jwk)
  if (!key) throw invalid({ path, message: `must be an RSA key, or one on ${CURVES.join(', ')}` })
  if (bits(key) < MIN_RSA_BITS) throw invalid({ path, message: `must have at least ${MIN_RSA_BITS} bits` })
  if (jwk.alg !== undefined && !ASSERTION_ALGORITHMS.includes(jwk.alg)) {
    throw invalid({ path, message: `alg must be one of ${ASSERTION_ALGORITHMS.join(', ')}` })
  }
  if (jwk.use !== undefined && jwk.use !== 'sig') throw invalid({ path, message: 'use must be sig' })
  return jwk
}

function publicKey(jwk: JWK): KeyObject | undefined {
  if (jwk?.kty !== 'RSA' && !CURVES.includes(jwk?.crv ?? '')) return undefined
  try {
    return createPublicKey({ key: jwk as JsonWebKey, format: 'jwk' })
  } catch {
    return undefined
  }
}

/** The size of an RSA key. Infinite for elliptic curves, since the allowed curves are all strong. */
const bits = (key: KeyObject) => key.asymmetricKeyDetails?.modulusLength ?? Number.POSITIVE_INFINITY
