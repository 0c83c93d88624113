import { writeAudit } from '../audit/audit.ts'
import type { InvalidationBus, Publish } from '../cluster/invalidation-bus.ts'
import type { Database, Em } from '../database/database.ts'
import { BATCH_SIZE, type Batch, runBatches } from '../database/run-batches.ts'
import type { TakeOwned } from '../former-person/take-owned.ts'
import { revokeGrants } from '../grants/revoke-grants.ts'
import { Identity } from '../oidc/identity.entity.ts'
import { detachEndedTokens } from '../tokens/detach.ts'
import { removeFactors } from '../users/factors/remove-factors.ts'
import { unusableHash } from '../users/passwords.ts'
import { endSessions } from '../users/sessions.ts'
import { User } from '../users/user.entity.ts'
import { UserLink } from '../users/user-link.entity.ts'

/** Takes what a person had from a user who becomes another person: another external id may be one. */
export interface FormerPerson {
  /**
   * Revokes what is too much for one transaction. Call it before `forget`: if the change is interrupted, the former person has
   * lost too much rather than kept something.
   */
  revokeMany(user: string): Promise<void>
  /**
   * Ends and removes everything that the former person signs in or acts with, and owns, in the transaction of `em`. Service
   * accounts of the person must be locked.
   */
  forget(em: Em, publish: Publish, user: string): Promise<void>
}

const LIVE_TOKENS = `
  select count(*)::int as count from (
    select from oauth_access_tokens where user_id = ? and not revoked and expires_at > now() limit ?
  ) live`

export function createFormerPerson(db: Database, bus: InvalidationBus, takeOwned: TakeOwned): FormerPerson {
  return {
    async revokeMany(user) {
      const [live] = await db.query<{ count: number }>(LIVE_TOKENS, [user, BATCH_SIZE + 1])
      if ((live?.count ?? 0) <= BATCH_SIZE) return
      await runBatches(() => bus.transaction((em, publish) => revokeGrants(em, publish, { user })), Infinity)
    },
    async forget(em, publish, user) {
      await takeOwned(em, publish, user)
      await em.nativeDelete(Identity, { user })
      await removeFactors(em, user)
      await em.nativeUpdate(User, { id: user }, { passwordHash: await unusableHash(), hasPassword: false })
      await em.nativeDelete(UserLink, { user })
      await endSessions(em, user)
      let batch: Batch
      do batch = await revokeGrants(em, publish, { user })
      while (!batch.last)
      await detachEndedTokens(em, user)
      writeAudit(em, { kind: 'session.ended', userId: user, details: { everywhere: true, external_id_changed: true } })
    },
  }
}
