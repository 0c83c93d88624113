import type { FilterQuery } from '@mikro-orm/postgresql'
import type { InvalidationBus, Publish } from '../cluster/invalidation-bus.ts'
import type { Database, Em } from '../database/database.ts'
import { type Progress, type RunOptions, runSteps, type Step, type WorkState } from '../database/run-batches.ts'
import { selectTokenIds } from './revoke.ts'
import { type RevokeManyOptions, revokeNextTokens } from './revoke-many.ts'
import type { AccessToken } from './token.entity.ts'

/** Revokes all personal tokens of a user. */
export interface RevokeAll {
  /**
   * Revokes all personal tokens of a user and those exchanged for them. Call it again to continue.
   * @param options `lastTokenId`: the token to revoke last
   * @returns how many were revoked, and whether all are done
   */
  revokeAll(userId: string, options?: RunOptions & { lastTokenId?: string | undefined }): Promise<Progress>
  /** Revokes the next batch of them in the transaction of `em`. */
  revokeNext(em: Em, publish: Publish, userId: string, options: RevokeManyOptions): Promise<Step>
  /** Whether a user has more than so many personal tokens that are not revoked. */
  hasMoreThan(userId: string, count: number): Promise<boolean>
}

export interface RevokeAllOptions {
  db: Database
  bus: InvalidationBus
  /** Selects the tokens that a user created and named. */
  personalTokens: (userId: string, conditions?: FilterQuery<AccessToken>) => Promise<FilterQuery<AccessToken>>
}

export function createRevokeAll({ db, bus, personalTokens }: RevokeAllOptions): RevokeAll {
  async function revokeNext(em: Em, publish: Publish, userId: string, options: RevokeManyOptions): Promise<Step> {
    // Issuing locks the user's row (shared). This waits for concurrent inserts and then sees their rows.
    await em.execute('select id from users where id = ? for no key update', [userId])
    return revokeNextTokens(em, publish, await personalTokens(userId), options)
  }

  return {
    revokeNext,

    async revokeAll(userId, { lastTokenId, ...limits } = {}) {
      const step = (state: WorkState) =>
        bus.transaction((em, publish) => revokeNext(em, publish, userId, { state, lastTokenId }))
      const { count, complete } = await runSteps(step, limits)
      return { count, complete }
    },

    async hasMoreThan(userId, count) {
      const where = await personalTokens(userId, { revoked: false })
      return db.run(async em => (await selectTokenIds(em, where, { limit: 1, offset: count })).length > 0)
    },
  }
}
