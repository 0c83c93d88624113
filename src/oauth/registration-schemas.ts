import { type Static, Type } from 'typebox'
import { APPLICATION_TYPES, AUTH_METHODS, GRANT_TYPES } from '../clients/client.entity.ts'
import { Named } from '../http/schemas.ts'
import { protocolError } from './schemas.ts'

const Text = Type.String({ maxLength: 255 })
const Uri = Type.String({ maxLength: 2_000 })
const Jwks = Type.Object({ keys: Type.Array(Type.Record(Type.String(), Type.Unknown()), { maxItems: 10 }) })

/** RFC 7591 §2. */
const metadataProperties = {
  client_name: Type.Optional({ ...Text, maxLength: 1_020 }),
  redirect_uris: Type.Optional(Type.Array(Uri, { maxItems: 50, examples: [['https://viewer.example.com/callback']] })),
  grant_types: Type.Optional(
    Type.Array(Type.Enum([...GRANT_TYPES]), { maxItems: 10, description: 'Default: `authorization_code`' }),
  ),
  response_types: Type.Optional(
    Type.Array(Type.String(), { maxItems: 10, description: '`code` with `authorization_code`, otherwise empty' }),
  ),
  application_type: Type.Optional(
    Type.Enum([...APPLICATION_TYPES], {
      description:
        'OpenID Connect Registration §2. Default of an open registration: `web` if all redirect URIs use https, otherwise `native`',
    }),
  ),
  require_pushed_authorization_requests: Type.Optional(Type.Boolean()),
  token_endpoint_auth_method: Type.Optional(
    Type.Enum([...AUTH_METHODS], { description: 'Default: `client_secret_basic`; `none`: a public client' }),
  ),
  scope: Type.Optional(
    Type.String({ maxLength: 8_000, description: 'Scopes that it can request. Default: every scope but `admin:*`' }),
  ),
  jwks: Type.Optional({ ...Jwks, description: 'The public keys for `private_key_jwt`' }),
  client_uri: Type.Optional(Uri),
  logo_uri: Type.Optional(Uri),
  tos_uri: Type.Optional(Uri),
  policy_uri: Type.Optional(Uri),
  contacts: Type.Optional(Type.Array(Text, { maxItems: 10 })),
  software_id: Type.Optional(Text),
  software_version: Type.Optional(Text),
}

const app = { client_name: 'Order viewer', redirect_uris: ['https://viewer.example.com/callback'] }
const id = '01939f4e-8a4c-7b60-b5a4-6f6d5c3f2a12'

/** Unknown properties are ignored (RFC 7591 §2). */
export const RegistrationBody = Named(
  'ClientRegistration',
  Type.Object(
    {
      ...metadataProperties,
      jwks_uri: Type.Optional(
        Type.String({ description: 'Not supported, since the server does not fetch it. Send `jwks`' }),
      ),
      client_id: Type.Optional(Type.String({ description: 'Required to replace a registration' })),
      client_secret: Type.Optional(Type.String()),
    },
    { additionalProperties: true, examples: [app] },
  ),
)
export type RegistrationBody = Static<typeof RegistrationBody>

export const Information = Named(
  'ClientInformation',
  Type.Object(
    {
      client_id: Type.String(),
      client_id_issued_at: Type.Integer(),
      client_secret: Type.Optional(
        Type.String({ description: 'The plain text. Only the response that creates the secret contains it' }),
      ),
      client_secret_expires_at: Type.Optional(Type.Integer({ description: '0: never' })),
      registration_access_token: Type.String(),
      registration_client_uri: Type.String(),
      ...metadataProperties,
    },
    {
      examples: [
        {
          client_id: id,
          client_id_issued_at: 1795255200,
          client_secret: 'mT9c0Zq5vVvX8h1m3kW2y7uJ4nLr6sBpQdEaFgHiKxo',
          client_secret_expires_at: 0,
          registration_access_token: 'kW2y7uJ4nLr6sBpQdEaFgHiKxomT9c0Zq5vVvX8h1m3',
          registration_client_uri: `https://auth.example.com/oauth/register/${id}`,
          ...app,
          grant_types: ['authorization_code'],
          response_types: ['code'],
          token_endpoint_auth_method: 'client_secret_basic',
        },
      ],
    },
  ),
)

export const errorResponses = {
  400: protocolError('`invalid_redirect_uri` or `invalid_client_metadata`; the description names the field'),
  401: protocolError('The token is missing or invalid'),
}
