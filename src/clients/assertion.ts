import { createLocalJWKSet, type JWTPayload, jwtVerify } from 'jose'
import type { Database } from '../database/database.ts'
import { invalidClient } from '../errors/protocol.ts'
import { hashSecret } from '../security/secrets.ts'
import type { Client } from './client.entity.ts'
import { ASSERTION_ALGORITHMS } from './jwks.ts'

/** Longer-lived assertions do not show that the client is present now. */
const MAX_ASSERTION_SECONDS = 600
/** Tolerated difference between the client's clock and ours. */
const CLOCK_SKEW_SECONDS = 10

const TYPES: readonly unknown[] = [
  undefined,
  'jwt',
  'client-authentication+jwt',
  'application/client-authentication+jwt',
]

/** Verifies a client assertion (RFC 7523 §3) and accepts it once. @throws 401 `invalid_client` */
export type VerifyAssertion = (client: Client | undefined, assertion: string) => Promise<void>

/** @param issuer the required `aud` of an assertion */
export function createAssertionVerifier(db: Database, issuer: string): VerifyAssertion {
  async function useOnce(client: string, jti: string, expiresAt: Date): Promise<void> {
    const first = await db.query(
      `insert into oauth_used_assertions (client_id, hash, expires_at) values (?, ?, ?)
       on conflict do nothing returning client_id`,
      [client, hashSecret(jti), expiresAt],
    )
    if (first.length === 0) throw invalidClient('The client assertion was used before.')
  }

  return async (client, assertion) => {
    if (client?.authMethod !== 'private_key_jwt' || !client.jwks) throw invalidClient()
    const { payload, protectedHeader } = await jwtVerify(assertion, createLocalJWKSet(client.jwks), {
      issuer: client.id,
      subject: client.id,
      audience: issuer,
      algorithms: ASSERTION_ALGORITHMS,
      requiredClaims: ['exp', 'jti'],
      clockTolerance: CLOCK_SKEW_SECONDS,
    }).catch(error => {
      throw invalidClient('The client assertion does not hold.', error)
    })
    assertStrict(payload, protectedHeader.typ)
    const { exp, jti } = payload as { exp: number; jti: string }
    await useOnce(client.id, jti, new Date((exp + CLOCK_SKEW_SECONDS) * 1000))
  }
}

/**
 * Checks what the JWT library leaves open (draft-ietf-oauth-rfc7523bis §4): `aud` is the issuer alone, as one string, so that
 * no other server it names can use the assertion here; `typ` is absent or that of an assertion; `iat` is recent.
 * @throws 401 `invalid_client`
 */
function assertStrict({ aud, exp = 0, iat, jti }: JWTPayload, typ: string | undefined): void {
  const now = Date.now() / 1000
  if (typeof aud !== 'string') throw invalidClient('The aud of a client assertion is the issuer alone, as one text.')
  if (!TYPES.includes(typ?.toLowerCase())) throw invalidClient('The typ of a client assertion is another one.')
  if (typeof jti !== 'string' || jti === '') throw invalidClient('The jti of a client assertion is a text.')
  if (exp > now + MAX_ASSERTION_SECONDS) throw invalidClient('The client assertion lives too long.')
  if (iat === undefined) return
  if (iat > now + CLOCK_SKEW_SECONDS) throw invalidClient('The client assertion is from the future.')
  if (iat < now - MAX_ASSERTION_SECONDS - CLOCK_SKEW_SECONDS) throw invalidClient('The client assertion is too old.')
}
