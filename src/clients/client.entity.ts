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

export const APPLICATION_TYPES = ['native', 'web'] as const
export type ApplicationType = (typeof APPLICATION_TYPES)[number]

/**
 * One of at most two valid secrets. `hash` is the SHA-256 of the plain text in hex, times are RFC 3339. `used_at` is null
 * until the secret is first used while the previous one is valid; secrets from earlier versions do not have it.
 */
export interface ClientSecret {
  hash: string
  created_at: string
  expires_at: string | null
  used_at?: string | null
  /** A hash by bcrypt, from another system; then `hash` matches nothing. It is replaced when the secret is first used. */
  bcrypt?: string
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
    /** The public keys of a client that signs assertions (RFC 7523). */
    jwks: p.json<{ keys: JWK[] }>().nullable().strictNullable(),
    /** Where the public keys of a client with a metadata document are, in place of `jwks`. */
    jwksUri: p.text().nullable().strictNullable(),
    /**
     * The `client_id` of a client with a metadata document, which is the URL of that document. Its id is derived from it. Null:
     * the id is the `client_id`.
     */
    metadataUrl: p.text().nullable().strictNullable().unique(),
    /** Since when its metadata document cannot be fetched; null: it could be, the last time. */
    metadataFailedAt: p.datetime().nullable().strictNullable(),
    /** Whether an administrator blocked the host of its metadata document. It is revoked too, until the host is unblocked. */
    hostBlocked: p.boolean().default(false),
    /** `native` or `web`, as it registered itself (OpenID Connect Registration §2); null: it did not say. */
    applicationType: p.string().length(16).$type<ApplicationType>().nullable().strictNullable(),
    /** When a client that registered itself without a token ends, unless a user consents before; null: it does not. */
    expiresAt: p.datetime().nullable().strictNullable().index(),
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

  /** Whether it says by itself who it is: it registered itself (RFC 7591), or has a metadata document. */
  isSelfAsserted(): boolean {
    return this.registrationHash !== null || this.metadataUrl !== null
  }

  /** Whether an operator registered it, not a user and not the client itself (RFC 7591, or by a metadata document). */
  isOperators(): boolean {
    return this.user === null && !this.isSelfAsserted()
  }
}
ClientSchema.setClass(Client)

/** The `client_id` of the protocol: the URL of its metadata document, or the id of its row. */
export const clientIdOf = ({ id, metadataUrl }: Pick<Client, 'id' | 'metadataUrl'>): string => metadataUrl ?? id
