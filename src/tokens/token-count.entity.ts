import { defineEntity, p } from '@mikro-orm/postgresql'
import { Client } from '../clients/client.entity.ts'
import { User } from '../users/user.entity.ts'

const TokenCountSchema = defineEntity({
  name: 'TokenCount',
  tableName: 'oauth_token_counts',
  properties: {
    user: () => p.manyToOne(User).mapToPk().primary().fieldName('user_id').deleteRule('cascade').index(false),
    client: () => p.manyToOne(Client).mapToPk().primary().fieldName('client_id').deleteRule('cascade').index(false),
    /** The live tokens when they were counted last, and all that were issued since, also those that have ended. */
    atMost: p.integer(),
  },
})

/**
 * How many tokens a user has of a client, at most. `issue_tokens` reads and writes it, and counts again when that would exceed
 * the quota; without a row, it counts.
 */
export class TokenCount extends TokenCountSchema.class {}
TokenCountSchema.setClass(TokenCount)
