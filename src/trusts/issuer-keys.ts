import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose'
import { PosternError } from '../errors/errors.ts'
import { invalidRequest } from '../errors/protocol.ts'
import type { DocumentFetcher, GetOptions } from '../fetch/documents.ts'
import { FetchError } from '../fetch/error.ts'
import type { Trust } from './trust.entity.ts'

/** An issuer whose keys an administrator trusts. */
export type TrustedIssuer = Pick<Trust, 'issuer' | 'jwksUri'>

/** Finds the key of a token in the key set of its issuer. */
export type IssuerKeys = (issuer: TrustedIssuer) => JWTVerifyGetKey

const DISCOVERY: GetOptions = { maxBytes: 65_536 }
const KEY_SET: GetOptions = { maxBytes: 262_144, accept: ['application/json', 'application/jwk-set+json'] }
/** A key that is not in the set may be new. Anybody can send such a token, so the set is fetched at most this often. */
const REFETCH_MS = 60_000

export const discoveryUrl = (issuer: string): string => `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`

/** Both documents come from the fetcher, which bounds and caches them. */
export function createIssuerKeys(documents: DocumentFetcher): IssuerKeys {
  async function jwksUriOf({ issuer, jwksUri }: TrustedIssuer, maxAgeMs = Infinity): Promise<string> {
    if (jwksUri !== null) return jwksUri
    const { json } = await documents.get(discoveryUrl(issuer), { ...DISCOVERY, maxAgeMs })
    const metadata = (json ?? {}) as { issuer?: unknown; jwks_uri?: unknown }
    // OpenID Connect Discovery §4.3.
    if (metadata.issuer !== issuer) throw unusable('Its discovery document names another issuer.')
    if (typeof metadata.jwks_uri !== 'string') throw unusable('Its discovery document has no jwks_uri.')
    return metadata.jwks_uri
  }

  async function load(issuer: TrustedIssuer, maxAgeMs = Infinity): Promise<JSONWebKeySet> {
    const { json } = await documents.get(await jwksUriOf(issuer, maxAgeMs), { ...KEY_SET, maxAgeMs })
    if (Array.isArray((json as { keys?: unknown } | null)?.keys)) return json as JSONWebKeySet
    throw unusable('Its key set has no keys.')
  }

  return issuer => async (header, token) => {
    try {
      return await createLocalJWKSet(await load(issuer))(header, token)
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw explained(error)
    }
    const keys = await load(issuer, REFETCH_MS).catch(error => {
      throw explained(error)
    })
    return createLocalJWKSet(keys)(header, token)
  }
}

const unusable = (message: string) => new FetchError('response', message)

/** A workload can only try again if its issuer is not reachable. */
function explained(error: unknown): unknown {
  if (!(error instanceof FetchError)) return error
  if (error.reason === 'response' || error.reason === 'url' || error.reason === 'address') {
    return invalidRequest(`The keys of the issuer of the subject token cannot be used. ${error.message}`, error)
  }
  return new PosternError({
    status: 503,
    code: 'temporarily_unavailable',
    detail: `The keys of the issuer of the subject token cannot be fetched. ${error.message}`,
    headers: { 'retry-after': '5' },
    cause: error,
  })
}
