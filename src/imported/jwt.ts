import { decodeProtectedHeader, importJWK, type JWK, type JWTPayload, jwtVerify } from 'jose'
import { invalidToken } from '../../packages/guard/src/errors.ts'
import { hasDuplicateNames } from '../../packages/guard/src/json-names.ts'
import { storable } from '../http/time.ts'
import type { ImportSource } from './source.entity.ts'

/** A JWT of another system whose signature was verified. */
export interface ImportedJwt {
  source: ImportSource
  jti: string
  /** Milliseconds since the epoch. */
  expiresAt: number
  /** undefined: it names none. */
  scopes: string[] | undefined
}

/** No token of another system is longer. */
const MAX_LENGTH = 16_384

/**
 * Verifies a JWT by the keys that an operator trusts for imported tokens (RFC 7515 §5.2): Passport's have no `kid` and no
 * `iss`. What it says of its user is ignored; the row that was imported decides.
 * @returns undefined if none of the keys signed it
 * @throws 401 for one that has expired or is not valid yet
 */
export async function verifyImportedJwt(
  text: string,
  sources: readonly ImportSource[],
): Promise<ImportedJwt | undefined> {
  const algorithm = text.length <= MAX_LENGTH ? algorithmOf(text) : undefined
  for (const source of sources) {
    for (const key of source.keys.filter(({ alg }) => alg === algorithm)) {
      const payload = await verifyBy(text, key)
      if (payload) return toImported(source, payload)
    }
  }
  return undefined
}

function algorithmOf(text: string): string | undefined {
  try {
    return decodeProtectedHeader(text).alg
  } catch {
    return undefined
  }
}

async function verifyBy(text: string, key: JWK): Promise<JWTPayload | undefined> {
  try {
    const { payload } = await jwtVerify(text, await importJWK(key), {
      algorithms: [key.alg as string],
      requiredClaims: ['jti', 'exp'],
    })
    return isCanonical(text) && !hasDuplicateClaims(text) ? payload : undefined
  } catch (error) {
    const { code, claim } = error as { code?: string; claim?: string }
    if (code === 'ERR_JWT_EXPIRED') throw invalidToken('The access token has expired.', error)
    if (claim === 'nbf') throw invalidToken('The access token is not valid yet.', error)
    return undefined
  }
}

/** Several texts could encode the same signature; only one of them is accepted. */
function isCanonical(text: string): boolean {
  const signature = text.slice(text.lastIndexOf('.') + 1)
  return Buffer.from(signature, 'base64url').toString('base64url') === signature
}

const hasDuplicateClaims = (text: string) =>
  text
    .split('.')
    .slice(0, 2)
    .some(part => hasDuplicateNames(Buffer.from(part, 'base64url').toString()))

function toImported(source: ImportSource, { jti, exp, scopes, scope }: JWTPayload): ImportedJwt | undefined {
  if (typeof jti !== 'string') return undefined
  return { source, jti, expiresAt: storable((exp as number) * 1_000).getTime(), scopes: scopesOf(scopes ?? scope) }
}

/** A list in Passport, and a text in RFC 9068. */
function scopesOf(claim: unknown): string[] | undefined {
  if (Array.isArray(claim)) return claim.filter(one => typeof one === 'string')
  return typeof claim === 'string' ? claim.split(' ').filter(Boolean) : undefined
}
