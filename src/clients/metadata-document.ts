import { type Static, Type } from 'typebox'
import Schema from 'typebox/schema'
import { invalid, PosternError } from '../errors/errors.ts'
import { parseDocumentUrl } from '../fetch/url.ts'
import { validateName } from '../text/name.ts'
import type { Client } from './client.entity.ts'
import { GRANT_TYPES, type GrantType } from './client.entity.ts'
import { validateJwks } from './jwks.ts'
import { type ClientMetadata, validateMetadata } from './rules.ts'
import { validateRedirectUri } from './uris.ts'

/** What a metadata document decides about its client. */
export type DescribedClient = Pick<
  Client,
  'name' | 'authMethod' | 'jwks' | 'jwksUri' | 'redirectUris' | 'grantTypes' | 'metadata' | 'requirePushedRequests'
>

/** Grants by which a user authorizes a client. Others are for clients that an operator knows. */
const GRANTS: readonly GrantType[] = [
  'authorization_code',
  'refresh_token',
  'urn:ietf:params:oauth:grant-type:device_code',
]

const MAX_URIS = 50
const Strings = (maxItems: number) => Type.Array(Type.String({ maxLength: 2_000 }), { maxItems })

const Document = Type.Object({
  client_id: Type.String(),
  client_name: Type.Optional(Type.String()),
  redirect_uris: Type.Optional(Strings(MAX_URIS)),
  token_endpoint_auth_method: Type.Optional(Type.Enum(['none', 'private_key_jwt'])),
  grant_types: Type.Optional(Strings(20)),
  response_types: Type.Optional(Strings(20)),
  jwks: Type.Optional(Type.Object({ keys: Type.Array(Type.Record(Type.String(), Type.Unknown())) })),
  jwks_uri: Type.Optional(Type.String()),
  require_pushed_authorization_requests: Type.Optional(Type.Boolean()),
})
type Document = Static<typeof Document>

/** There is no way to agree on a secret, and a public document cannot contain one (§4.1 of the draft). */
const SECRETS = ['client_secret', 'client_secret_expires_at']

/**
 * Reads the metadata document of a client (draft-ietf-oauth-client-id-metadata-document §4). Unknown properties, and grants that
 * such a client cannot have, are ignored.
 * @param url the `client_id`, which the document must contain byte for byte
 * @throws PosternError 422 that names the property
 */
export function readMetadataDocument(url: string, json: unknown): DescribedClient {
  const document = withoutNulls(json)
  assertDocument(document)
  if (document.client_id !== url) throw invalid({ path: 'client_id', message: `must be ${url}` })
  const secret = SECRETS.find(name => name in document)
  if (secret) throw invalid({ path: secret, message: 'must not be in a document that everybody can read' })
  const grantTypes = grantsOf(document)
  const redirectUris = [...new Set((document.redirect_uris ?? []).map(validateRedirectUri))]
  if (grantTypes.includes('authorization_code') && redirectUris.length === 0) {
    throw invalid({ path: 'redirect_uris', message: 'must contain at least one URI' })
  }
  return {
    name: validateName(document.client_name ?? new URL(url).hostname, 'client_name'),
    ...authenticationOf(document),
    redirectUris,
    grantTypes,
    metadata: pagesOf(document),
    requirePushedRequests: document.require_pushed_authorization_requests ?? false,
  }
}

function assertDocument(json: unknown): asserts json is Document {
  if (Schema.Check(Document, json)) return
  const [, [error]] = Schema.Errors(Document, json)
  throw invalid({ path: error?.instancePath.slice(1) ?? '', message: error?.message ?? 'must be an object' })
}

/** A property that is null counts as omitted (RFC 7591 §2). */
function withoutNulls(json: unknown): unknown {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return json
  return Object.fromEntries(Object.entries(json).filter(([, value]) => value !== null))
}

/** RFC 7591 §2: `authorization_code` alone, if it says nothing. */
function grantsOf({ grant_types: names = ['authorization_code'], response_types: responses }: Document): GrantType[] {
  if (names.includes('authorization_code') && responses && !responses.includes('code')) {
    throw invalid({ path: 'response_types', message: 'must contain code' })
  }
  const grants = GRANT_TYPES.filter(type => GRANTS.includes(type) && names.includes(type))
  if (grants.some(type => type !== 'refresh_token')) return grants
  throw invalid({ path: 'grant_types', message: `must contain one of ${GRANTS.join(', ')}` })
}

function authenticationOf(document: Document): Pick<DescribedClient, 'authMethod' | 'jwks' | 'jwksUri'> {
  const { token_endpoint_auth_method: authMethod = 'none', jwks, jwks_uri: jwksUri } = document
  if (authMethod === 'none') return { authMethod, jwks: null, jwksUri: null }
  if ((jwks === undefined) === (jwksUri === undefined)) {
    throw invalid({ path: 'jwks', message: 'private_key_jwt needs either jwks or jwks_uri' })
  }
  if (jwks) return { authMethod, jwks: validateJwks(jwks as never), jwksUri: null }
  return { authMethod, jwks: null, jwksUri: validKeysUrl(jwksUri as string) }
}

/** Loopback is left to the fetcher, which knows whether it is allowed. */
function validKeysUrl(url: string): string {
  try {
    return parseDocumentUrl(url, { allowLoopback: true }).href
  } catch (error) {
    throw invalid({ path: 'jwks_uri', message: (error as Error).message })
  }
}

const PAGES = ['client_uri', 'tos_uri', 'policy_uri', 'logo_uri'] as const

/** Pages that are shown to users. Whoever writes a wrong one loses the link, not the client. */
function pagesOf(document: Document & ClientMetadata): Record<string, unknown> {
  const pages = PAGES.flatMap(name => {
    try {
      return typeof document[name] === 'string' ? [validateMetadata({ [name]: document[name] })] : []
    } catch (error) {
      if (error instanceof PosternError) return []
      throw error
    }
  })
  return Object.assign({}, ...pages)
}
