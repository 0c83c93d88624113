import type { FilterQuery } from '@mikro-orm/postgresql'
import type { Publish } from '../cluster/invalidation-bus.ts'
import type { Em } from '../database/database.ts'
import type { Step } from '../database/run-batches.ts'
import type { OperationOptions, OperationProgress, Operations } from '../operations/operations.ts'
import { type RevokeManyOptions, revokeNextTokens } from './revoke-many.ts'
import { AccessToken } from './token.entity.ts'

/** Revokes all personal tokens of a user. */
export interface RevokeAll {
  /**
   * Revokes all personal tokens of a user and those exchanged for them. Without `background`, call it again to continue.
   * @param options `lastTokenId`: the token to revoke last
   * @returns how many were revoked, whether all are done, and the operation that goes on with the rest
   */
  revokeAll(userId: string, options?: OperationOptions): Promise<OperationProgress>
}

export interface RevokeAllOptions {
  operations: Pick<Operations, 'define'>
  /** Selects the tokens that a user created and named. */
  personalTokens: (userId: string, conditions?: FilterQuery<AccessToken>) => Promise<FilterQuery<AccessToken>>
}

export function createRevokeAll({ operations, personalTokens }: RevokeAllOptions): RevokeAll {
  /** Revokes the next batch of them in the transaction of `em`. */
  async function revokeNext(em: Em, publish: Publish, userId: string, options: RevokeManyOptions): Promise<Step> {
    // Issuing locks the user's row (shared). This waits for concurrent inserts and then sees their rows.
    await em.execute('select id from users where id = ? for no key update', [userId])
    return revokeNextTokens(em, publish, await personalTokens(userId), options)
  }

  const revokeAll = operations.define('revoke_personal_tokens', {
    step: (em, publish, { user }: { user: string }, options) => revokeNext(em, publish, user, options),
    remaining: async (em, { user }) => em.count(AccessToken, await personalTokens(user, { revoked: false })),
  })

  return { revokeAll: (user, options) => revokeAll({ user }, options) }
}
