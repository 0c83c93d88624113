import { createLocalJWKSet, errors, type JWTPayload, type JWTVerifyResult, jwtVerify } from 'jose'
import QuickLRU from 'quick-lru'
import type { Database } from '../database/database.ts'
import { invalidClient } from '../errors/protocol.ts'
import { hashSecret } from '../security/secrets.ts'
import { type Client, clientIdOf } from './client.entity.ts'
import { ASSERTION_ALGORITHMS } from './jwks.ts'
import type { ClientKeys } from './keys.ts'
import { isStored } from './metadata-clients.ts'

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

export interface AssertionVerifierOptions {
  db: Database
  /** The required `aud` of an assertion. */
  issuer: string
  clientKeys: ClientKeys
}

/** Assertions of clients that nobody has consented to. Used again at another node, one starts a second authorization. */
const REMEMBERED_ASSERTIONS = 10_000

export function createAssertionVerifier({ db, issuer, clientKeys }: AssertionVerifierOptions): VerifyAssertion {
  const usedHere = new QuickLRU<string, true>({ maxSize: REMEMBERED_ASSERTIONS })

  async function useOnce(client: Client, jti: string, expiresAt: Date): Promise<void> {
    const isFirst = isStored(client) ? await storeUse(client.id, jti, expiresAt) : rememberUse(client.id, jti)
    if (!isFirst) throw invalidClient('The client assertion has already been used.')
  }

  async function storeUse(client: string, jti: string, expiresAt: Date): Promise<boolean> {
    const first = await db.query(
      `insert into oauth_used_assertions (client_id, hash, expires_at) values (?, ?, ?)
       on conflict do nothing returning client_id`,
      [client, hashSecret(jti), expiresAt],
    )
    return first.length > 0
  }

  /** Writes no row for a client that has none. */
  function rememberUse(client: string, jti: string): boolean {
    const key = `${client} ${hashSecret(jti).toString('base64url')}`
    if (usedHere.has(key)) return false
    usedHere.set(key, true)
    return true
  }

  async function verify(client: Client, assertion: string, latest = false): Promise<JWTVerifyResult> {
    const keys = createLocalJWKSet(await clientKeys(client, latest))
    return jwtVerify(assertion, keys, {
      issuer: clientIdOf(client),
      subject: clientIdOf(client),
      audience: issuer,
      algorithms: ASSERTION_ALGORITHMS,
      requiredClaims: ['exp', 'jti'],
      clockTolerance: CLOCK_SKEW_SECONDS,
    }).catch(error => {
      // The client may have a new key since its key set was fetched.
      if (!latest && client.jwksUri && error instanceof errors.JWKSNoMatchingKey) return verify(client, assertion, true)
      throw invalidClient('The client assertion is not valid.', error)
    })
  }

  return async (client, assertion) => {
    if (client?.authMethod !== 'private_key_jwt') throw invalidClient()
    const { payload, protectedHeader } = await verify(client, assertion)
    assertStrict(payload, protectedHeader.typ)
    const { exp, jti } = payload as { exp: number; jti: string }
    await useOnce(client, jti, new Date((exp + CLOCK_SKEW_SECONDS) * 1000))
  }
}

/**
 * Checks what the JWT library leaves open (draft-ietf-oauth-rfc7523bis §4): `aud` is the issuer alone, as one string, so that
 * no other server it names can use the assertion here; `typ` is absent or that of an assertion; `iat` is recent.
 * @throws 401 `invalid_client`
 */
function assertStrict({ aud, exp = 0, iat, jti }: JWTPayload, typ: string | undefined): void {
  const now = Date.now() / 1000
  if (typeof aud !== 'string')
    throw invalidClient('aud of the client assertion must be the issuer, as a single string.')
  if (!TYPES.includes(typ?.toLowerCase())) throw invalidClient('typ of the client assertion is not supported.')
  if (typeof jti !== 'string' || jti === '')
    throw invalidClient('jti of the client assertion must be a non-empty string.')
  if (exp > now + MAX_ASSERTION_SECONDS) throw invalidClient('exp of the client assertion is too far in the future.')
  if (iat === undefined) return
  if (iat > now + CLOCK_SKEW_SECONDS) throw invalidClient('iat of the client assertion is in the future.')
  if (iat < now - MAX_ASSERTION_SECONDS - CLOCK_SKEW_SECONDS) throw invalidClient('The client assertion is too old.')
}
