import { AUTH_METHODS } from '../clients/client.entity.ts'
import { ASSERTION_ALGORITHMS } from '../clients/jwks.ts'
import type { Config } from '../config/config.ts'
import type { Grants } from '../grants/grant.ts'
import type { ImportSources } from '../imported/sources.ts'
import type { Keys } from '../keys/keys.ts'
import type { Catalogue } from '../scopes/catalogue.ts'
import { publicScopes } from '../scopes/requested.ts'

export interface MetadataOptions {
  config: Pick<Config, 'issuer' | 'issuerPrevious' | 'tokenPrefix' | 'audience' | 'requireResource' | 'cimd'>
  catalogue: Catalogue
  keys: Keys
  grants: Grants
  importSources: Pick<ImportSources, 'formats'>
}

/** Whether a route is registered. `path` is relative to the issuer. */
export type HasRoute = (method: 'GET' | 'POST', path: string) => boolean

const CONFIDENTIAL = AUTH_METHODS.filter(method => method !== 'none')

/** Authorization server metadata (RFC 8414 §2), derived from the registered routes, so that it lists only what exists. */
export async function describeServer(options: MetadataOptions, has: HasRoute) {
  const { config, catalogue, keys, grants, importSources } = options
  const importedFormats = await importSources.formats()
  const { issuer, issuerPrevious, tokenPrefix, audience, requireResource } = config
  const endpoint = (name: string, method: 'GET' | 'POST', path: string, more: object = {}) =>
    has(method, path) ? { [name]: issuer + path, ...more } : {}
  return {
    issuer,
    ...endpoint('authorization_endpoint', 'GET', '/oauth/authorize', {
      response_modes_supported: ['query'],
      code_challenge_methods_supported: ['S256'],
      authorization_response_iss_parameter_supported: true,
    }),
    response_types_supported: has('GET', '/oauth/authorize') ? ['code'] : [],
    client_id_metadata_document_supported: config.cimd !== 'off',
    ...endpoint('pushed_authorization_request_endpoint', 'POST', '/oauth/par'),
    ...endpoint('token_endpoint', 'POST', '/oauth/token', authentication('token', AUTH_METHODS)),
    grant_types_supported: Object.keys(grants),
    ...endpoint('device_authorization_endpoint', 'POST', '/oauth/device_authorization'),
    ...endpoint('introspection_endpoint', 'POST', '/oauth/introspect', {
      ...authentication('introspection', CONFIDENTIAL),
      introspection_signing_alg_values_supported: keys.algorithms(),
    }),
    ...endpoint('revocation_endpoint', 'POST', '/oauth/revoke', authentication('revocation', AUTH_METHODS)),
    ...endpoint('registration_endpoint', 'POST', '/oauth/register'),
    ...endpoint('status_list_aggregation_endpoint', 'GET', '/oauth/status-lists'),
    // Extension: the stream of status events.
    ...endpoint('status_events_endpoint', 'GET', '/oauth/events'),
    // Extension: the endpoint where resource servers report the use of tokens.
    ...endpoint('token_usage_endpoint', 'POST', '/oauth/usage'),
    // Extension: the endpoint where resource servers report revocations that a restored issuer lost.
    ...endpoint('lost_revocations_endpoint', 'POST', '/oauth/lost-revocations'),
    ...endpoint('jwks_uri', 'GET', '/.well-known/jwks.json'),
    // A client may request all of these at once.
    scopes_supported: publicScopes(catalogue),
    protected_resources: [audience],
    // Extension: the `aud` of tokens that name no resource, which every registered API accepts.
    ...(!requireResource && { deployment_audience: audience }),
    // Extension: guards introspect only opaque texts with this prefix.
    token_prefix: tokenPrefix,
    // Extension: texts of other systems that guards introspect too, by their format.
    ...(importedFormats.length > 0 && { imported_token_formats: importedFormats }),
    // Extension: earlier issuer identifiers, whose tokens the issuer and guards still accept.
    ...(issuerPrevious.length > 0 && { previous_issuers: issuerPrevious }),
    ...endpoint('service_documentation', 'GET', '/docs'),
  }
}

const authentication = (name: string, methods: readonly string[]) => ({
  [`${name}_endpoint_auth_methods_supported`]: methods,
  [`${name}_endpoint_auth_signing_alg_values_supported`]: ASSERTION_ALGORITHMS,
})
