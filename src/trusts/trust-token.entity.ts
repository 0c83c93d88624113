import { defineEntity, p } from '@mikro-orm/postgresql'
import { AccessToken } from '../tokens/token.entity.ts'
import { Trust } from './trust.entity.ts'

const TrustTokenSchema = defineEntity({
  name: 'TrustToken',
  tableName: 'oauth_trust_tokens',
  properties: {
    /** Pruned with it. */
    token: () => p.manyToOne(AccessToken).mapToPk().primary().fieldName('token_id').deleteRule('cascade'),
    trust: () => p.manyToOne(Trust).mapToPk().fieldName('trust_id').deleteRule('cascade').index(),
  },
})

/** Which trust issued a token. Revoking the trust revokes its tokens. */
export class TrustToken extends TrustTokenSchema.class {}
TrustTokenSchema.setClass(TrustToken)
