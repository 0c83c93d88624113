import type { ClientAndSecret } from '../clients/clients.ts'
import type { ClientMetadata, ClientSettings } from '../clients/rules.ts'
import { type FieldError, invalid, type PosternError } from '../errors/errors.ts'
import { invalidClientMetadata, invalidRedirectUri } from '../errors/protocol.ts'
import type { RateLimit } from '../http/rate-limit.ts'
import type { Catalogue } from '../scopes/catalogue.ts'
import { requestedScopes } from '../scopes/requested.ts'
import type { RegistrationBody } from './registration-schemas.ts'

/** A client that registered itself. `secret` is the plain text of a new secret; undefined if none was created. */
export interface Registered extends ClientAndSecret {
  /** What is left of the limit of open registrations; undefined: it was not counted. */
  rateLimit?: RateLimit
  /** The plain text of the registration access token. */
  registrationToken: string
}

const UNNAMED = 'Unnamed application'

/** Returns every setting, with the defaults of RFC 7591 §2 for omitted ones. */
export function toSettings(catalogue: Catalogue, body: RegistrationBody): ClientSettings & { name: string } {
  if (body.jwks_uri !== undefined) {
    throw invalid({ path: 'jwks_uri', message: 'is not supported: send the keys themselves, in jwks' })
  }
  const grantTypes = body.grant_types ?? ['authorization_code']
  assertResponseTypes(grantTypes, body.response_types)
  return {
    name: body.client_name ?? UNNAMED,
    authMethod: (body.token_endpoint_auth_method ?? 'client_secret_basic') as ClientSettings['authMethod'],
    jwks: (body.jwks as ClientSettings['jwks']) ?? null,
    grantTypes,
    redirectUris: body.redirect_uris ?? [],
    scopes: requestedScopes(catalogue, body.scope) ?? null,
    metadata: metadataOf(body),
    requirePushedRequests: body.require_pushed_authorization_requests ?? false,
    applicationType: applicationTypeOf(body),
  }
}

/** A web application receives its codes at hosts of its own, so it has no URI on the user's device. */
function applicationTypeOf({ application_type: type, redirect_uris: uris = [] }: RegistrationBody): string | null {
  const local = uris.findIndex(uri => !/^https:/i.test(uri))
  if (type === 'web' && local >= 0)
    throw invalid({ path: `redirect_uris/${local}`, message: 'must use https with application_type web' })
  return type ?? null
}

/**
 * The metadata of a client that anybody can register: it acts only for users who consent. Its `scope` is what it knows of when it
 * registers, and no limit: a client that needs more later asks its user (step-up), and a limit of its own protects nobody.
 * @throws 422
 */
export function openSettings(catalogue: Catalogue, body: RegistrationBody): ClientSettings & { name: string } {
  const { scope: _, ...rest } = body
  const settings = toSettings(catalogue, rest)
  const refused = settings.grantTypes?.find(type => OPERATOR_GRANTS.includes(type))
  if (refused) throw invalid({ path: 'grant_types', message: `only operators can allow ${refused}` })
  const isWeb = (settings.redirectUris ?? []).every(uri => /^https:/i.test(uri))
  return { ...settings, applicationType: settings.applicationType ?? (isWeb ? 'web' : 'native') }
}

const OPERATOR_GRANTS = ['client_credentials', 'urn:ietf:params:oauth:grant-type:token-exchange']

/** RFC 7591 §2.1. */
function assertResponseTypes(grantTypes: readonly string[], responseTypes: readonly string[] | undefined): void {
  if (responseTypes === undefined) return
  const wanted = responseTypesOf(grantTypes)
  if (responseTypes.length === wanted.length && responseTypes.every(type => wanted.includes(type))) return
  throw invalid({ path: 'response_types', message: `must be ${JSON.stringify(wanted)} with these grant_types` })
}

const responseTypesOf = (grantTypes: readonly string[]) => (grantTypes.includes('authorization_code') ? ['code'] : [])

const PASSED_METADATA = [
  'client_uri',
  'logo_uri',
  'tos_uri',
  'policy_uri',
  'contacts',
  'software_id',
  'software_version',
] as const

function metadataOf(body: RegistrationBody): ClientMetadata {
  return Object.fromEntries(PASSED_METADATA.map(name => [name, body[name]]))
}

/** The client information response (RFC 7591 §3.2.1, RFC 7592 §3). */
export function toInformation({ client, secret, registrationToken }: Registered, issuer: string) {
  return {
    client_id: client.id,
    client_id_issued_at: Math.floor(client.createdAt.getTime() / 1000),
    ...(secret !== undefined && { client_secret: secret, client_secret_expires_at: 0 }),
    registration_access_token: registrationToken,
    registration_client_uri: `${issuer}/oauth/register/${client.id}`,
    client_name: client.name,
    redirect_uris: client.redirectUris,
    grant_types: client.grantTypes,
    response_types: responseTypesOf(client.grantTypes),
    token_endpoint_auth_method: client.authMethod,
    ...(client.applicationType && { application_type: client.applicationType }),
    ...(client.requirePushedRequests && { require_pushed_authorization_requests: true }),
    ...(client.scopes && { scope: client.scopes.join(' ') }),
    ...(client.jwks && { jwks: client.jwks }),
    ...client.metadata,
  }
}

/** Names that differ between settings and RFC 7591. */
const WIRE_NAMES: Record<string, string> = { name: 'client_name', scopes: 'scope' }

/** RFC 7591 §3.2.2. */
export function asRegistrationError(error: PosternError): PosternError {
  if (error.status !== 422) return error
  const { errors = [] } = error.extra as { errors?: FieldError[] }
  const renamed = errors.map(({ path, message }) => ({
    path: path.replace(/^\w+/, word => WIRE_NAMES[word] ?? word),
    message,
  }))
  const uri = renamed[0]?.path.startsWith('redirect_uris')
  const detail = renamed.map(({ path, message }) => `${path} ${message}`.trim()).join('; ')
  return uri ? invalidRedirectUri(detail) : invalidClientMetadata(detail || error.message)
}
