import { writeAudit } from '../audit/audit.ts'
import type { InvalidationBus, Publish } from '../cluster/invalidation-bus.ts'
import type { Em } from '../database/database.ts'
import { createSignOut, type SignOut } from '../grants/sign-out.ts'
import { detachEndedTokens } from '../tokens/detach.ts'
import type { TakeOwned } from './take-owned.ts'

/**
 * Ends and takes away what a user of an application has: apps, trusts, service accounts, consents, the role, sessions, access
 * and refresh tokens. Call it again to continue.
 * @returns as `createSignOut`
 */
export function createForgetUser(bus: InvalidationBus, takeOwned: TakeOwned): SignOut {
  const signOut = createSignOut(bus)
  return async (user, options) => {
    await bus.transaction(async (em, publish) => {
      await takeOwned(em, publish, user)
      await takeRole(em, publish, user)
    })
    const done = await signOut(user, options)
    if (done.complete) await bus.transaction(em => detachEndedTokens(em, user))
    return done
  }
}

/** `updated_at` stays: what the application said of the user later than that still counts. */
const TAKE_ROLE = `update users set role = 'user' where id = ? and role = 'admin' and subject is not null returning id`

/** No administrators are locked: those of an application do not count as the last one. */
async function takeRole(em: Em, publish: Publish, user: string): Promise<void> {
  if (((await em.execute(TAKE_ROLE, [user])) as unknown[]).length === 0) return
  publish({ kind: 'user', id: user }, 'role')
  writeAudit(em, { kind: 'user.changed', userId: user, details: { fields: ['role'], role: 'user' } })
}
