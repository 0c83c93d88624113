import { runWithActor } from '../audit/actor.ts'
import type { InvalidationBus } from '../cluster/invalidation-bus.ts'
import type { Database } from '../database/database.ts'
import { type Batch, runBatches } from '../database/run-batches.ts'
import { revokeGrants } from '../grants/revoke-grants.ts'
import { DIRECTORY_ID } from './actor.ts'

/** Days after which the tokens of a user whom the directory deactivated are revoked. Until then they are suspended. */
const DAYS_SUSPENDED = 30

/** When the tokens of a user who is deactivated now are revoked. */
export const revocationTime = (now = Date.now()): Date => new Date(now + DAYS_SUSPENDED * 86_400_000)

/** How often a node looks for users whose time is up, in milliseconds. */
const INTERVAL_MS = 60_000
const MAX_USERS = 100

export interface SuspendedTokens {
  /** Revokes the tokens of a user if their time is up. It can be repeated after an interruption. */
  revokeDue(userId: string): Promise<void>
  /** Revokes the tokens of all users whose time is up. */
  revokeAllDue(): Promise<void>
  /** Does so now and then, until it is stopped. What a node does not finish, another or a later one does. */
  start(onError: (error: unknown) => void): { close(): Promise<void> }
}

/** Locks the user, so that nobody enables it meanwhile. */
const IS_DUE = `
  select s.user_id from scim_users s join users u on u.id = s.user_id and u.disabled_at is not null
  where s.user_id = ? and s.revoke_at <= now() for no key update of u, s`
const DUE = 'select user_id as id from scim_users where revoke_at <= now() order by revoke_at limit ?'
const DONE = 'update scim_users set revoke_at = null where user_id = ?'

export function createSuspendedTokens(db: Database, bus: InvalidationBus): SuspendedTokens {
  const revokeBatch = (userId: string) =>
    bus.transaction(async (em, publish): Promise<Batch> => {
      const due = ((await em.execute(IS_DUE, [userId])) as unknown[]).length > 0
      const batch = due ? await revokeGrants(em, publish, { user: userId }) : { count: 0, last: true }
      // An operator who enabled the user keeps the tokens.
      if (batch.last) await em.execute(DONE, [userId])
      return batch
    })

  const actor = { userId: null, clientId: DIRECTORY_ID, tokenId: null, sessionId: null, address: null }
  const revokeDue = async (userId: string) => void (await runBatches(() => revokeBatch(userId), Infinity))

  async function revokeAllDue(): Promise<void> {
    for (;;) {
      const due = await db.query<{ id: string }>(DUE, [MAX_USERS])
      for (const { id } of due) await runWithActor(actor, () => revokeDue(id))
      if (due.length < MAX_USERS) return
    }
  }

  return {
    revokeDue,
    revokeAllDue,
    start(onError) {
      let running: Promise<void> | undefined
      const run = () => {
        running ??= revokeAllDue()
          .catch(onError)
          .finally(() => {
            running = undefined
          })
      }
      run()
      const timer = setInterval(run, INTERVAL_MS).unref()
      return {
        async close() {
          clearInterval(timer)
          await running
        },
      }
    },
  }
}
