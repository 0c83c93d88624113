import { defineEntity, p } from '@mikro-orm/postgresql'
import { Client, type TokenFormat } from '../clients/client.entity.ts'
import { User } from '../users/user.entity.ts'

const AccessTokenSchema = defineEntity({
  name: 'AccessToken',
  tableName: 'oauth_access_tokens',
  indexes: [
    // A user's live tokens, newest first: for the token list and for "sign out everywhere".
    { name: 'oauth_access_tokens_user_live_index', properties: ['user', 'id'], where: 'not revoked' },
    { name: 'oauth_access_tokens_client_live_index', properties: ['client', 'id'], where: 'not revoked' },
    { name: 'oauth_access_tokens_grant_index', properties: ['grant'], where: 'grant_id is not null' },
    // A token's live exchanged tokens: revoked with it.
    {
      name: 'oauth_access_tokens_parent_index',
      properties: ['parent', 'expiresAt'],
      where: 'parent_id is not null and not revoked',
    },
    // What a token replaced and that is within its overlap: revoked last along with it.
    { name: 'oauth_access_tokens_successor_index', properties: ['successor'], where: 'successor_id is not null' },
    // A user's live exchanged tokens, which are limited.
    {
      name: 'oauth_access_tokens_exchanged_index',
      properties: ['user', 'expiresAt'],
      where: 'parent_id is not null and not revoked',
    },
    { name: 'oauth_access_tokens_issued_by_index', properties: ['issuedBy'], where: 'issued_by_id is not null' },
    // Rows that a node loads into its status lists at start.
    {
      name: 'oauth_access_tokens_not_valid_index',
      properties: ['id'],
      where: 'revoked or suspended or changed',
    },
    { name: 'oauth_access_tokens_expires_at_index', properties: ['expiresAt'] },
    // For pruning revoked rows.
    { name: 'oauth_access_tokens_revoked_index', properties: ['updatedAt'], where: 'revoked' },
  ],
  properties: {
    /** UUIDv7, and the `jti` of a JWT. */
    id: p.uuid().primary(),
    /** null: a machine's token. */
    user: () =>
      p.manyToOne(User).mapToPk().nullable().strictNullable().fieldName('user_id').deleteRule('cascade').index(false),
    client: () => p.manyToOne(Client).mapToPk().fieldName('client_id').deleteRule('cascade').index(false),
    name: p.string().length(255).nullable().strictNullable(),
    scopes: p.json<string[]>(),
    format: p.string().length(16).$type<TokenFormat>(),
    /** SHA-256 of an opaque token's text; the text itself is never stored. */
    hash: p.blob().nullable().strictNullable().hidden().unique(),
    /** The resources that it is for (RFC 8707), in registered form, separated by spaces; null: it names none. */
    audience: p.text().nullable().strictNullable(),
    /** The grant that issued it. The tokens of a grant are revoked together. */
    grant: p.uuid().nullable().strictNullable().fieldName('grant_id'),
    /** The token that it was exchanged for (RFC 8693). Revoking the parent revokes this token. */
    parent: p.uuid().nullable().strictNullable().fieldName('parent_id'),
    /** The token that replaced it by rotation; this token may still be valid until its overlap ends. null: not rotated. */
    successor: p.uuid().nullable().strictNullable().fieldName('successor_id'),
    /** The token that issued it, or that token's successor. Revoking it revokes this token. null: not issued by a token. */
    issuedBy: p.uuid().nullable().strictNullable().fieldName('issued_by_id'),
    /** The session that issued it; null: not issued by a session. */
    session: p.uuid().nullable().strictNullable().fieldName('session_id'),
    /** The first token of its family; null for a personal token issued before token families existed. */
    family: p.uuid().nullable().strictNullable().fieldName('family_id'),
    /** No successor may expire later than this; null: computed from `createdAt`. */
    familyExpiresAt: p.datetime().nullable().strictNullable(),
    revoked: p.boolean().default(false),
    suspended: p.boolean().default(false),
    /** Scopes or expiry differ from the claims of the JWT, so resource servers must introspect it. */
    changed: p.boolean().default(false),
    /** Its status list and its index there. No other token of the list ever gets the same index. */
    statusList: p.integer(),
    statusIndex: p.integer(),
    createdAt: p.datetime(),
    updatedAt: p.datetime(),
    lastUsedAt: p.datetime().nullable().strictNullable(),
    /** The audience of the API that reported the last use; null: it was used at this server. */
    lastUsedBy: p.text().nullable().strictNullable(),
    /** Scopes that a check required and the token had; null: none so far. */
    usedScopes: p.json<string[]>().nullable().strictNullable(),
    expiresAt: p.datetime(),
  },
})

/** A stored access token. Its plain text exists only in the response that issues it. */
export class AccessToken extends AccessTokenSchema.class {}
AccessTokenSchema.setClass(AccessToken)

/** What a list of a user's tokens does not show. */
export const UNLISTED = [
  'user',
  'grant',
  'parent',
  'issuedBy',
  'session',
  'family',
  'familyExpiresAt',
  'changed',
  'statusList',
  'statusIndex',
] as const satisfies (keyof AccessToken)[]

/** A token as shown to users, without the hash of its text. */
export type ShownToken = Omit<AccessToken, 'hash'>
/** A token in a list. */
export type ListedToken = Omit<ShownToken, (typeof UNLISTED)[number]>
