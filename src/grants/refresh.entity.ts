import { defineEntity, p } from '@mikro-orm/postgresql'
import { Client } from '../clients/client.entity.ts'
import { User } from '../users/user.entity.ts'

const RefreshTokenSchema = defineEntity({
  name: 'RefreshToken',
  tableName: 'oauth_refresh_tokens',
  properties: {
    id: p.uuid().primary(),
    /** SHA-256 of the plain text. */
    hash: p.blob().unique().hidden(),
    /** The id of the grant, an authorization code or device code, which identifies the family. */
    grant: p.uuid().fieldName('grant_id').index(),
    /** The access token that was issued with it. */
    accessToken: p.uuid().fieldName('access_token_id').index(),
    user: () => p.manyToOne(User).mapToPk().fieldName('user_id').deleteRule('cascade').index(),
    client: () => p.manyToOne(Client).mapToPk().fieldName('client_id').deleteRule('cascade').index(),
    scopes: p.json<string[]>(),
    audience: p.text().nullable().strictNullable(),
    revoked: p.boolean().default(false),
    /** When it was rotated. A later use means that it was stolen, or that the response was lost. */
    usedAt: p.datetime().nullable().strictNullable(),
    /** The response to its use, kept for the grace period. It is encrypted with a key derived from the token's plain text. */
    replay: p.text().nullable().strictNullable().hidden(),
    createdAt: p.datetime(),
    /** The expiry of the family, which rotation does not extend. */
    expiresAt: p.datetime().index(),
  },
})

/** A refresh token (RFC 6749 §6) of a family. */
export class RefreshToken extends RefreshTokenSchema.class {}
RefreshTokenSchema.setClass(RefreshToken)
