import { writeAudit } from '../audit/audit.ts'
import type { Publish } from '../cluster/invalidation-bus.ts'
import type { Em } from '../database/database.ts'
import type { Step } from '../database/run-batches.ts'
import { countTokensOf, type SignOut, signOutNext } from '../grants/sign-out.ts'
import type { StepInput } from '../operations/kind.ts'
import type { Operations } from '../operations/operations.ts'
import { detachEndedTokens } from '../tokens/detach.ts'
import type { TakeOwned } from './take-owned.ts'

/**
 * Ends and takes away what a user of an application has: apps, trusts, service accounts, consents, the role, sessions, access
 * and refresh tokens. Without `background`, call it again to continue.
 * @returns as `createSignOut`
 */
export function createForgetUser(operations: Pick<Operations, 'define'>, takeOwned: TakeOwned): SignOut {
  async function forgetNext(em: Em, publish: Publish, user: string, options: StepInput): Promise<Step> {
    if (!options.state.begun) {
      await takeOwned(em, publish, user)
      await takeRole(em, publish, user)
    }
    const step = await signOutNext(em, publish, user, options)
    if (step.last) await detachEndedTokens(em, user)
    return step
  }

  const forget = operations.define('forget_user', {
    step: (em, publish, { user }: { user: string }, options) => forgetNext(em, publish, user, options),
    remaining: (em, { user }) => countTokensOf(em, user),
  })
  return (user, options) => forget({ user }, options)
}

/** `updated_at` stays: what the application said of the user later than that still counts. */
const TAKE_ROLE = `update users set role = 'user' where id = ? and role = 'admin' and subject is not null returning id`

/** No administrators are locked: those of an application do not count as the last one. */
async function takeRole(em: Em, publish: Publish, user: string): Promise<void> {
  if (((await em.execute(TAKE_ROLE, [user])) as unknown[]).length === 0) return
  publish({ kind: 'user', id: user }, 'role')
  writeAudit(em, { kind: 'user.changed', userId: user, details: { fields: ['role'], role: 'user' } })
}
