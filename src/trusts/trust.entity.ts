import { defineEntity, p } from '@mikro-orm/postgresql'
import { Client } from '../clients/client.entity.ts'
import { User } from '../users/user.entity.ts'

const TrustSchema = defineEntity({
  name: 'Trust',
  tableName: 'oauth_trusts',
  indexes: [{ name: 'oauth_trusts_issuer_index', properties: ['issuer'] }],
  properties: {
    id: p.uuid().primary(),
    name: p.string().length(255),
    /** The `iss` of the tokens that it accepts, compared byte for byte. */
    issuer: p.text(),
    /** The key set of an issuer without discovery; null: the one that its discovery document names. */
    jwksUri: p.text().nullable().strictNullable(),
    /** What `aud` has to contain. */
    audience: p.text(),
    /** By the name of a claim: its value, in which `*` stands for any characters but a colon. */
    match: p.json<Record<string, string>>(),
    /** Claims whose values are fixed at the first use. */
    pin: p.json<string[]>(),
    /** The values of those claims; null: not used yet. */
    pinned: p.json<Record<string, string>>().nullable().strictNullable(),
    /** Whose personal access tokens it issues; null: those of a client. */
    user: () =>
      p.manyToOne(User).mapToPk().nullable().strictNullable().fieldName('user_id').deleteRule('cascade').index(),
    /** Which client's tokens it issues; null: those of a user. */
    client: () =>
      p.manyToOne(Client).mapToPk().nullable().strictNullable().fieldName('client_id').deleteRule('cascade').index(),
    scopes: p.json<string[]>(),
    /** Of its tokens, in seconds. */
    lifetime: p.integer(),
    createdAt: p.datetime(),
    /** When an administrator last changed it. Its first use does not count. */
    updatedAt: p.datetime(),
  },
})

/** A rule by which the OpenID Connect token of a workload is exchanged for an access token. */
export class Trust extends TrustSchema.class {}
TrustSchema.setClass(Trust)
