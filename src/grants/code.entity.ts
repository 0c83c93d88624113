import { defineEntity, p } from '@mikro-orm/postgresql'
import { Client } from '../clients/client.entity.ts'
import { User } from '../users/user.entity.ts'

const AuthCodeSchema = defineEntity({
  name: 'AuthCode',
  tableName: 'oauth_auth_codes',
  properties: {
    /** Also the id of the grant: the tokens issued for the code have it, and are revoked by it. */
    id: p.uuid().primary(),
    /** SHA-256 of the code. */
    hash: p.blob().unique().hidden(),
    user: () => p.manyToOne(User).mapToPk().fieldName('user_id').deleteRule('cascade').index(),
    client: () => p.manyToOne(Client).mapToPk().fieldName('client_id').deleteRule('cascade').index(),
    redirectUri: p.text(),
    scopes: p.json<string[]>(),
    audience: p.text().nullable().strictNullable(),
    /** Always S256. */
    codeChallenge: p.string().length(128),
    /** When it was redeemed or invalidated by a wrong verifier. A code can be tried only once. */
    usedAt: p.datetime().nullable().strictNullable(),
    /** When the user wants the access to end; null: when its tokens do. */
    accessUntil: p.datetime().nullable().strictNullable(),
    createdAt: p.datetime(),
    expiresAt: p.datetime().index(),
  },
})

/** An authorization code (RFC 6749 §4.1.2). */
export class AuthCode extends AuthCodeSchema.class {}
AuthCodeSchema.setClass(AuthCode)
