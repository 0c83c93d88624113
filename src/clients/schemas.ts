import { type Static, Type } from 'typebox'
import { closed, Name, Nullable, Time } from '../http/schemas.ts'
import { AUTH_METHODS, type Client, GRANT_TYPES, TOKEN_FORMATS } from './client.entity.ts'
import type { ClientAndSecret } from './clients.ts'
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
  { ...closed, description: 'What it says of itself for people to read (RFC 7591 §2)' },
)

export const ClientSchema = Type.Object({
  id: Type.String({ format: 'uuid', description: 'The `client_id`' }),
  name: Type.String({ examples: ['Order viewer'] }),
  user_id: Nullable(Type.String({ format: 'uuid', description: 'null: it belongs to the deployment' })),
  token_endpoint_auth_method: Type.Enum([...AUTH_METHODS]),
  grant_types: Type.Array(Type.String({ examples: ['authorization_code'] })),
  redirect_uris: Type.Array(Type.String({ examples: ['https://viewer.example.com/callback'] })),
  scopes: Nullable(
    Type.Array(Type.String({ examples: ['orders:read'] }), { description: 'null: every scope but `admin:*`' }),
  ),
  audience: Nullable(Type.String({ description: 'Set when it is a resource server' })),
  exchange_audiences: Type.Array(Type.String({ examples: ['https://stock.example.com'] }), {
    description: 'Audiences besides its own that an operator allowed it to exchange tokens for',
  }),
  resources: Type.Array(Type.String({ examples: ['https://stock.example.com'] }), {
    description: 'Resources besides its own that an operator allowed it to name with `client_credentials`',
  }),
  require_pushed_authorization_requests: Type.Boolean({
    description: 'Whether its authorization requests count only when it pushed them (RFC 9126 §6)',
  }),
  issues_personal_tokens: Type.Boolean({
    description: 'Whether an operator allowed tokens of it to issue and rotate personal ones',
  }),
  token_format: Type.Enum([...TOKEN_FORMATS]),
  access_token_lifetime: Nullable(Type.Integer()),
  refresh_token_lifetime: Nullable(Type.Integer()),
  secrets: Type.Array(Type.Object({ created_at: Time(), expires_at: Nullable(Time()) }), {
    description: 'The live secrets, never their texts',
  }),
  metadata: Nullable(Type.Record(Type.String(), Type.Unknown())),
  revoked: Type.Boolean(),
  created_at: Time(),
  updated_at: Time(),
})

export const toClient = (client: Client): Static<typeof ClientSchema> => ({
  id: client.id,
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

export const ClientAnswer = Type.Object({ data: ClientSchema })

/** Where a secret's text is told, once. */
export const ClientWithSecret = Type.Object({
  client_secret: Type.Optional(
    Type.String({ description: 'It is shown here, once', examples: ['mT9c0Zq5vVvX8h1m3kW2y7uJ4nLr6sBpQdEaFgHiKxo'] }),
  ),
  data: ClientSchema,
})

export const withSecret = ({ client, secret }: ClientAndSecret) => ({
  ...(secret !== undefined && { client_secret: secret }),
  data: toClient(client),
})

/** What an owner may say of an app. */
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
/** What only whoever runs the deployment may say. */
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

export const CreateClient = Type.Object({ name, ...settings }, { ...closed, examples: [app] })
export const ChangeClient = Type.Object({ name: Type.Optional(name), ...settings }, { ...closed, examples: [app] })
export const CreateManagedClient = Type.Object({ name, ...operatorSettings }, { ...closed, examples: [machine] })
export const ChangeManagedClient = Type.Object(
  { name: Type.Optional(name), ...operatorSettings },
  { ...closed, examples: [{ access_token_lifetime: 600 }] },
)

export const RotateSecret = Type.Optional(
  Nullable(
    Type.Object(
      {
        overlap: Type.Optional(
          Type.Integer({ minimum: 0, maximum: 2_592_000, description: 'Seconds the secret before lives on' }),
        ),
      },
      { ...closed, examples: [{ overlap: 86_400 }] },
    ),
  ),
)

type Sent = Static<typeof ChangeManagedClient>

/** The wire's names in the domain's; what was not sent stays undefined. */
export function toSettings(body: Sent): ClientSettings {
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
