import { defineEntity, p } from '@mikro-orm/postgresql'
import type { JWK } from 'jose'
import { User } from '../users/user.entity.ts'

export const GRANT_TYPES = [
  'authorization_code',
  'client_credentials',
  'refresh_token',
  'urn:ietf:params:oauth:grant-type:device_code',
  'urn:ietf:params:oauth:grant-type:token-exchange',
] as const
export type GrantType = (typeof GRANT_TYPES)[number]

export const TOKEN_FORMATS = ['jwt', 'opaque'] as const
export type TokenFormat = (typeof TOKEN_FORMATS)[number]

export const AUTH_METHODS = ['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none'] as const
export type AuthMethod = (typeof AUTH_METHODS)[number]

/**
 * One of at most two live secrets; `hash` is the SHA-256 of the text in hex, times are RFC 3339. `used_at` is null until
 * the secret is first used beside the one that it replaces; absent where nobody noted it.
 */
export interface ClientSecret {
  hash: string
  created_at: string
  expires_at: string | null
  used_at?: string | null
}

const ClientSchema = defineEntity({
  name: 'Client',
  tableName: 'oauth_clients',
  // The client that personal tokens are issued under exists once.
  uniques: [{ name: 'oauth_clients_personal_access_unique', properties: ['personalAccess'], where: 'personal_access' }],
  properties: {
    id: p.uuid().primary(),
    /** null: a first-party client, which belongs to the deployment. */
    user: () =>
      p.manyToOne(User).mapToPk().nullable().strictNullable().fieldName('user_id').deleteRule('cascade').index(),
    name: p.string().length(255),
    /** How it proves who it is; `none`: a public client. A secret may come by Basic or in the body, whichever is named. */
    authMethod: p.string().length(32).$type<AuthMethod>(),
    secrets: p.json<ClientSecret[]>().hidden(),
    /** The public keys of a client that signs assertions (RFC 7523); never fetched from anywhere. */
    jwks: p.json<{ keys: JWK[] }>().nullable().strictNullable(),
    /** SHA-256 of the token that manages a dynamically registered client (RFC 7592). */
    registrationHash: p.blob().nullable().strictNullable().hidden().unique(),
    /** What else a client says of itself: its pages, its logo (RFC 7591 §2). */
    metadata: p.json<Record<string, unknown>>().nullable().strictNullable(),
    redirectUris: p.json<string[]>(),
    grantTypes: p.json<GrantType[]>(),
    /** null: every scope of the catalogue. */
    scopes: p.json<string[]>().nullable().strictNullable(),
    /** Set when the client is itself a resource server: the `aud` of tokens meant for it. */
    audience: p.text().nullable().strictNullable().unique(),
    /** Further audiences that an operator allowed it to exchange tokens for (RFC 8693); null: none. */
    exchangeAudiences: p.json<string[]>().nullable().strictNullable(),
    /** Resources besides its own that an operator allowed it to name when it acts for itself (RFC 8707); null: none. */
    resources: p.json<string[]>().nullable().strictNullable(),
    /** Authorization requests of it count only when it pushed them (RFC 9126 §6). */
    requirePushedRequests: p.boolean().default(false),
    /** Whether an operator allowed tokens of it to issue and rotate personal ones. */
    issuesPersonalTokens: p.boolean().default(false),
    /** Seconds; null: the default of the grant. */
    accessTokenLifetime: p.integer().nullable().strictNullable(),
    refreshTokenLifetime: p.integer().nullable().strictNullable(),
    tokenFormat: p.string().length(16).$type<TokenFormat>(),
    personalAccess: p.boolean().default(false),
    revoked: p.boolean().default(false),
    createdAt: p.datetime(),
    updatedAt: p.datetime(),
  },
})

/** A registered application. */
export class Client extends ClientSchema.class {
  isConfidential(): boolean {
    return this.authMethod !== 'none'
  }

  /** Whether an operator registered it: it is no user's app, and did not register itself. */
  isOperators(): boolean {
    return this.user === null && this.registrationHash === null
  }
}
ClientSchema.setClass(Client)
