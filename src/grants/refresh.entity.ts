import { defineEntity, p } from '@mikro-orm/postgresql'
import { Client } from '../clients/client.entity.ts'
import { User } from '../users/user.entity.ts'

const RefreshTokenSchema = defineEntity({
  name: 'RefreshToken',
  tableName: 'oauth_refresh_tokens',
  properties: {
    id: p.uuid().primary(),
    /** SHA-256 of the text. */
    hash: p.blob().unique().hidden(),
    /** The family: all that came from one code or device. */
    grant: p.uuid().fieldName('grant_id').index(),
    /** The access token it was given with. */
    accessToken: p.uuid().fieldName('access_token_id').index(),
    user: () => p.manyToOne(User).mapToPk().fieldName('user_id').deleteRule('cascade').index(),
    client: () => p.manyToOne(Client).mapToPk().fieldName('client_id').deleteRule('cascade').index(),
    scopes: p.json<string[]>(),
    audience: p.text().nullable().strictNullable(),
    revoked: p.boolean().default(false),
    /** Rotated: using it again is theft or a lost answer. */
    usedAt: p.datetime().nullable().strictNullable(),
    /** The answer it was traded for, readable only with the token's own text, for as long as the grace lasts. */
    replay: p.text().nullable().strictNullable().hidden(),
    createdAt: p.datetime(),
    /** Of the family: rotation does not move it. */
    expiresAt: p.datetime().index(),
  },
})

/** A refresh token (RFC 6749 §6), one link of a family. */
export class RefreshToken extends RefreshTokenSchema.class {}
RefreshTokenSchema.setClass(RefreshToken)
