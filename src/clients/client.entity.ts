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
 * One of at most two valid secrets. `hash` is the SHA-256 of the plain text in hex, times are RFC 3339. `used_at` is null
 * until the secret is first used while the previous one is valid; secrets from earlier versions do not have it.
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
  // There is only one personal access client.
  uniques: [{ name: 'oauth_clients_personal_access_unique', properties: ['personalAccess'], where: 'personal_access' }],
  properties: {
    id: p.uuid().primary(),
    /** The user who owns it; null: it belongs to the deployment. */
    user: () =>
      p.manyToOne(User).mapToPk().nullable().strictNullable().fieldName('user_id').deleteRule('cascade').index(),
    name: p.string().length(255),
    /** How it authenticates; `none`: a public client. A secret is accepted by Basic and in the body, whichever is set here. */
    authMethod: p.string().length(32).$type<AuthMethod>(),
    secrets: p.json<ClientSecret[]>().hidden(),
    /** The public keys of a client that signs assertions (RFC 7523). They are stored, never fetched. */
    jwks: p.json<{ keys: JWK[] }>().nullable().strictNullable(),
    /** SHA-256 of the token that manages a dynamically registered client (RFC 7592). */
    registrationHash: p.blob().nullable().strictNullable().hidden().unique(),
    /** Further client metadata: pages, logo (RFC 7591 §2). */
    metadata: p.json<Record<string, unknown>>().nullable().strictNullable(),
    redirectUris: p.json<string[]>(),
    grantTypes: p.json<GrantType[]>(),
    /** Scopes that it can request; null: every scope of the catalogue but `admin:*`. */
    scopes: p.json<string[]>().nullable().strictNullable(),
    /** Set if the client is a resource server: the `aud` of tokens meant for it. */
    audience: p.text().nullable().strictNullable().unique(),
    /** Other audiences that an operator allowed it to exchange tokens for (RFC 8693); null: none. */
    exchangeAudiences: p.json<string[]>().nullable().strictNullable(),
    /** Other resources that an operator allowed it to request with `client_credentials` (RFC 8707); null: none. */
    resources: p.json<string[]>().nullable().strictNullable(),
    /** Whether only pushed authorization requests are accepted (RFC 9126 §6). */
    requirePushedRequests: p.boolean().default(false),
    /** Whether an operator allowed its tokens to issue and rotate personal tokens. */
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

  /** Whether an operator registered it, not a user and not the client itself (RFC 7591). */
  isOperators(): boolean {
    return this.user === null && this.registrationHash === null
  }
}
ClientSchema.setClass(Client)
