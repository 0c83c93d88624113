import type { FilterQuery } from '@mikro-orm/postgresql'
import type { Publish } from '../cluster/invalidation-bus.ts'
import type { Database, Em } from '../database/database.ts'
import type { Step } from '../database/run-batches.ts'
import type { OperationOptions, OperationProgress, Operations } from '../operations/operations.ts'
import { selectTokenIds } from './revoke.ts'
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
  /** Revokes the next batch of them in the transaction of `em`. */
  revokeNext(em: Em, publish: Publish, userId: string, options: RevokeManyOptions): Promise<Step>
  /** Whether a user has more than so many personal tokens that are not revoked. */
  hasMoreThan(userId: string, count: number): Promise<boolean>
}

export interface RevokeAllOptions {
  db: Database
  operations: Pick<Operations, 'define'>
  /** Selects the tokens that a user created and named. */
  personalTokens: (userId: string, conditions?: FilterQuery<AccessToken>) => Promise<FilterQuery<AccessToken>>
}

export function createRevokeAll({ db, operations, personalTokens }: RevokeAllOptions): RevokeAll {
  async function revokeNext(em: Em, publish: Publish, userId: string, options: RevokeManyOptions): Promise<Step> {
    // Issuing locks the user's row (shared). This waits for concurrent inserts and then sees their rows.
    await em.execute('select id from users where id = ? for no key update', [userId])
    return revokeNextTokens(em, publish, await personalTokens(userId), options)
  }

  const revokeAll = operations.define('revoke_personal_tokens', {
    step: (em, publish, { user }: { user: string }, options) => revokeNext(em, publish, user, options),
    remaining: async (em, { user }) => em.count(AccessToken, await personalTokens(user, { revoked: false })),
  })

  return {
    revokeNext,
    revokeAll: (user, options) => revokeAll({ user }, options),

    async hasMoreThan(userId, count) {
      const where = await personalTokens(userId, { revoked: false })
      return db.run(async em => (await selectTokenIds(em, where, { limit: 1, offset: count })).length > 0)
    },
  }
}
