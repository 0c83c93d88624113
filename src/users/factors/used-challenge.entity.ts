import { defineEntity, p } from '@mikro-orm/postgresql'

const UsedChallengeSchema = defineEntity({
  name: 'UsedChallenge',
  tableName: 'used_challenges',
  properties: {
    /** SHA-256 of the challenge. */
    hash: p.blob().primary(),
    expiresAt: p.datetime().index(),
  },
})

/** A challenge that a passkey has signed. It is stored to reject a second use. */
export class UsedChallenge extends UsedChallengeSchema.class {}
UsedChallengeSchema.setClass(UsedChallenge)
