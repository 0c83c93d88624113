import { defineEntity, p } from '@mikro-orm/postgresql'
import { Client } from './client.entity.ts'

const UsedAssertionSchema = defineEntity({
  name: 'UsedAssertion',
  tableName: 'oauth_used_assertions',
  properties: {
    client: () => p.manyToOne(Client).mapToPk().primary().fieldName('client_id').deleteRule('cascade'),
    /** SHA-256 of the `jti`, which may have any length. */
    hash: p.blob().primary(),
    expiresAt: p.datetime().index(),
  },
})

/** A client assertion that has been used. It is stored to reject a second use (RFC 7523 §3). */
export class UsedAssertion extends UsedAssertionSchema.class {}
UsedAssertionSchema.setClass(UsedAssertion)
