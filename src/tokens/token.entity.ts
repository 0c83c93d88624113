import { defineEntity, p } from '@mikro-orm/postgresql'
import { Client, type TokenFormat } from '../clients/client.entity.ts'
import { User } from '../users/user.entity.ts'

const AccessTokenSchema = defineEntity({
  name: 'AccessToken',
  tableName: 'oauth_access_tokens',
  indexes: [
    // An owner's live tokens, newest first: the list people see, and "sign out everywhere".
    { name: 'oauth_access_tokens_user_live_index', properties: ['user', 'id'], where: 'not revoked' },
    { name: 'oauth_access_tokens_client_live_index', properties: ['client', 'id'], where: 'not revoked' },
    { name: 'oauth_access_tokens_grant_index', properties: ['grant'], where: 'grant_id is not null' },
    { name: 'oauth_access_tokens_parent_index', properties: ['parent'], where: 'parent_id is not null' },
    { name: 'oauth_access_tokens_issued_by_index', properties: ['issuedBy'], where: 'issued_by_id is not null' },
    // What a node reads into its status lists when it starts.
    {
      name: 'oauth_access_tokens_not_valid_index',
      properties: ['id'],
      where: 'revoked or suspended or changed',
    },
    { name: 'oauth_access_tokens_expires_at_index', properties: ['expiresAt'] },
    // Pruning revoked rows, of which there are few at a time.
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
    /** The resources it is for (RFC 8707) in registered form, separated by spaces; null: it names none. */
    audience: p.text().nullable().strictNullable(),
    /** The grant it came from; tokens of one grant die together. */
    grant: p.uuid().nullable().strictNullable().fieldName('grant_id'),
    /** The token it was exchanged for (RFC 8693), and dies with. */
    parent: p.uuid().nullable().strictNullable().fieldName('parent_id'),
    /** The token that replaced it by a rotation, whose overlap it may still live through; null: none did. */
    successor: p.uuid().nullable().strictNullable().fieldName('successor_id'),
    /** The token that issued it, or the successor of that, and takes it along when it is revoked; null: none did. */
    issuedBy: p.uuid().nullable().strictNullable().fieldName('issued_by_id'),
    /** The session that issued it; null: none did. */
    session: p.uuid().nullable().strictNullable().fieldName('session_id'),
    /** The first token of its family, which goes on by rotation; null: of a personal token from before there were any. */
    family: p.uuid().nullable().strictNullable().fieldName('family_id'),
    /** No rotation passes this; null: counted from `createdAt`. */
    familyExpiresAt: p.datetime().nullable().strictNullable(),
    revoked: p.boolean().default(false),
    suspended: p.boolean().default(false),
    /** Scopes or expiry are not what a signed text says any more: whoever holds it has to ask. */
    changed: p.boolean().default(false),
    /** Where its status stands: a list, and an index that no other token of the list ever has. */
    statusList: p.integer(),
    statusIndex: p.integer(),
    createdAt: p.datetime(),
    updatedAt: p.datetime(),
    lastUsedAt: p.datetime().nullable().strictNullable(),
    /** Scopes that a check asked for and the token had; null: none so far. */
    usedScopes: p.json<string[]>().nullable().strictNullable(),
    expiresAt: p.datetime(),
  },
})

/** An access token as it is stored. Its plain text exists only in the result of issuing. */
export class AccessToken extends AccessTokenSchema.class {}
AccessTokenSchema.setClass(AccessToken)

/** A token as it is shown: without what its text is known by. */
export type ShownToken = Omit<AccessToken, 'hash'>
