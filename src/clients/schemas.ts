import { type Static, Type } from 'typebox'
import { entityTag } from '../http/entity-tag.ts'
import { paging, searchFor, sortBy } from '../http/paging.ts'
import { closed, Name, Named, Nullable, Time } from '../http/schemas.ts'
import { AUTH_METHODS, type Client, clientIdOf, GRANT_TYPES, TOKEN_FORMATS } from './client.entity.ts'
import type { ClientAndSecret } from './clients.ts'
import { CLIENT_SORTS } from './list.ts'
import type { ClientMetadata, ClientSettings } from './rules.ts'

const Lifetime = Nullable(Type.Integer({ minimum: 1, description: 'Seconds; null: the default' }))
const WebUri = Type.String({ maxLength: 2_000, description: 'http or https' })

const Metadata = Type.Object(
  {
    client_uri: Type.Optional(WebUri),
    logo_uri: Type.Optional(WebUri),
    tos_uri: Type.Optional(WebUri),
    policy_uri: Type.Optional(WebUri),
    contacts: Type.Optional(Type.Array(Type.String({ maxLength: 255 }), { maxItems: 20 })),
    software_id: Type.Optional(Type.String({ maxLength: 255 })),
    software_version: Type.Optional(Type.String({ maxLength: 255 })),
  },
  { ...closed, description: 'Further client metadata (RFC 7591 §2)' },
)

export const ClientSchema = Named(
  'Client',
  Type.Object({
    id: Type.String({ format: 'uuid', description: 'Names the client in paths of this API' }),
    client_id: Type.String({
      examples: ['https://app.example.com/client.json'],
      description: 'The `client_id` of the protocol: the URL of its metadata document, or the `id`',
    }),
    name: Type.String({ examples: ['Order viewer'] }),
    user_id: Nullable(
      Type.String({
        examples: ['01939f4e-8a4c-7b60-b5a4-6f6d5c3f2a10'],
        description: 'The owner; null: the deployment',
      }),
    ),
    token_endpoint_auth_method: Type.Enum([...AUTH_METHODS]),
    grant_types: Type.Array(Type.String({ examples: ['authorization_code'] })),
    redirect_uris: Type.Array(Type.String({ examples: ['https://viewer.example.com/callback'] })),
    scopes: Nullable(
      Type.Array(Type.String({ examples: ['orders:read'] }), { description: 'null: every scope but `admin:*`' }),
    ),
    audience: Nullable(Type.String({ description: 'Set if the client is a resource server' })),
    exchange_audiences: Type.Array(Type.String({ examples: ['https://stock.example.com'] }), {
      description: 'Other audiences that an operator allowed it to exchange tokens for (RFC 8693)',
    }),
    resources: Type.Array(Type.String({ examples: ['https://stock.example.com'] }), {
      description: 'Other resources that an operator allowed it to request with `client_credentials` (RFC 8707)',
    }),
    require_pushed_authorization_requests: Type.Boolean({
      description: 'Whether only pushed authorization requests are accepted (RFC 9126 §6)',
    }),
    issues_personal_tokens: Type.Boolean({
      description: 'Whether an operator allowed its tokens to issue and rotate personal tokens',
    }),
    token_format: Type.Enum([...TOKEN_FORMATS]),
    access_token_lifetime: Nullable(Type.Integer()),
    refresh_token_lifetime: Nullable(Type.Integer()),
    secrets: Type.Array(Type.Object({ created_at: Time(), expires_at: Nullable(Time()) }), {
      description: 'The valid secrets, without their plain text',
    }),
    metadata: Nullable(Type.Record(Type.String(), Type.Unknown())),
    revoked: Type.Boolean(),
    created_at: Time(),
    updated_at: Time(),
  }),
)

export const toClient = (client: Client): Static<typeof ClientSchema> => ({
  id: client.id,
  client_id: clientIdOf(client),
  name: client.name,
  user_id: client.user,
  token_endpoint_auth_method: client.authMethod,
  grant_types: client.grantTypes,
  redirect_uris: client.redirectUris,
  scopes: client.scopes,
  audience: client.audience,
  exchange_audiences: client.exchangeAudiences ?? [],
  resources: client.resources ?? [],
  require_pushed_authorization_requests: client.requirePushedRequests,
  issues_personal_tokens: client.issuesPersonalTokens,
  token_format: client.tokenFormat,
  access_token_lifetime: client.accessTokenLifetime,
  refresh_token_lifetime: client.refreshTokenLifetime,
  secrets: client.secrets.map(({ created_at, expires_at }) => ({ created_at, expires_at })),
  metadata: client.metadata,
  revoked: client.revoked,
  created_at: client.createdAt,
  updated_at: client.updatedAt,
})

export const clientTag = (client: Client): string => entityTag(toClient(client))

export const ListClientsQuery = Type.Object(
  {
    ...paging,
    search: searchFor('the name, of the `client_id`, of the audience or of a redirect URI'),
    sort: sortBy(CLIENT_SORTS, 'created_at'),
  },
  closed,
)

export const ClientResponse = Type.Object({ data: ClientSchema })

/** A response that contains the plain text of a new secret. */
export const ClientWithSecret = Named(
  'ClientWithSecret',
  Type.Object({
    client_secret: Type.Optional(
      Type.String({
        description: 'The plain text of the new secret. Only this response contains it',
        examples: ['mT9c0Zq5vVvX8h1m3kW2y7uJ4nLr6sBpQdEaFgHiKxo'],
      }),
    ),
    data: ClientSchema,
  }),
)

export const withSecret = ({ client, secret }: ClientAndSecret) => ({
  ...(secret !== undefined && { client_secret: secret }),
  data: toClient(client),
})

/** Settings that the owner of an app can change. */
const settings = {
  token_endpoint_auth_method: Type.Optional(Type.Enum([...AUTH_METHODS], { description: '`none`: a public client' })),
  grant_types: Type.Optional(Type.Array(Type.Enum([...GRANT_TYPES]), { maxItems: 10 })),
  redirect_uris: Type.Optional(Type.Array(Type.String({ maxLength: 2_000 }), { maxItems: 50 })),
  scopes: Type.Optional(Nullable(Type.Array(Type.String({ maxLength: 128 }), { maxItems: 500 }))),
  token_format: Type.Optional(Type.Enum([...TOKEN_FORMATS])),
  jwks: Type.Optional(
    Nullable(Type.Object({ keys: Type.Array(Type.Record(Type.String(), Type.Unknown()), { maxItems: 10 }) }, closed)),
  ),
  metadata: Type.Optional(Nullable(Metadata)),
  require_pushed_authorization_requests: Type.Optional(Type.Boolean()),
}
const Uris = Type.Array(Type.String({ maxLength: 2_000 }), { maxItems: 100 })
/** Settings of which some only an operator can change. */
const operatorSettings = {
  ...settings,
  audience: Type.Optional(Nullable(Type.String({ maxLength: 2_000 }))),
  exchange_audiences: Type.Optional(Nullable(Uris)),
  resources: Type.Optional(Nullable(Uris)),
  issues_personal_tokens: Type.Optional(Type.Boolean()),
  access_token_lifetime: Type.Optional(Lifetime),
  refresh_token_lifetime: Type.Optional(Lifetime),
}

const name = Name
const app = { name: 'Order viewer', redirect_uris: ['https://viewer.example.com/callback'], scopes: ['orders:read'] }
const machine = { name: 'Nightly report', grant_types: ['client_credentials'], scopes: ['orders:read'] }

export const CreateClient = Named('CreateClient', Type.Object({ name, ...settings }, { ...closed, examples: [app] }))
export const ChangeClient = Named(
  'ChangeClient',
  Type.Object({ name: Type.Optional(name), ...settings }, { ...closed, examples: [app] }),
)
export const CreateManagedClient = Named(
  'CreateManagedClient',
  Type.Object({ name, ...operatorSettings }, { ...closed, examples: [machine] }),
)
export const ChangeManagedClient = Named(
  'ChangeManagedClient',
  Type.Object(
    { name: Type.Optional(name), ...operatorSettings },
    { ...closed, examples: [{ access_token_lifetime: 600 }] },
  ),
)

export const RotateSecret = Type.Optional(
  Nullable(
    Type.Object(
      {
        overlap: Type.Optional(
          Type.Integer({ minimum: 0, maximum: 2_592_000, description: 'Seconds that the previous secret stays valid' }),
        ),
      },
      { ...closed, examples: [{ overlap: 86_400 }] },
    ),
  ),
)

type ClientBody = Static<typeof ChangeManagedClient>

/** Converts a request body to settings. Omitted properties stay undefined. */
export function toSettings(body: ClientBody): ClientSettings {
  return {
    name: body.name,
    authMethod: body.token_endpoint_auth_method,
    grantTypes: body.grant_types,
    redirectUris: body.redirect_uris,
    scopes: body.scopes,
    tokenFormat: body.token_format,
    jwks: body.jwks as ClientSettings['jwks'],
    metadata: body.metadata as ClientMetadata | null | undefined,
    audience: body.audience,
    exchangeAudiences: body.exchange_audiences,
    resources: body.resources,
    issuesPersonalTokens: body.issues_personal_tokens,
    requirePushedRequests: body.require_pushed_authorization_requests,
    accessTokenLifetime: body.access_token_lifetime,
    refreshTokenLifetime: body.refresh_token_lifetime,
  }
}
