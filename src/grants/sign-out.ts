import { writeAudit } from '../audit/audit.ts'
import type { Publish } from '../cluster/invalidation-bus.ts'
import type { Em } from '../database/database.ts'
import type { Step } from '../database/run-batches.ts'
import type { OperationOptions, OperationProgress, Operations } from '../operations/operations.ts'
import type { RevokeManyOptions } from '../tokens/revoke-many.ts'
import { AccessToken } from '../tokens/token.entity.ts'
import { Session } from '../users/session.entity.ts'
import { revokeGrants } from './revoke-grants.ts'

/**
 * Ends every session of a user and revokes every access and refresh token, of any client. Without `background`, call it again
 * to continue.
 * @returns how many access tokens were revoked, whether all are done, and the operation that goes on with the rest
 */
export type SignOut = (userId: string, options?: OperationOptions) => Promise<OperationProgress>

/**
 * Does so by one batch, in the transaction of `em`. The first one ends the sessions: whoever signs in again while later ones
 * run stays signed in.
 */
export async function signOutNext(em: Em, publish: Publish, userId: string, options: RevokeManyOptions): Promise<Step> {
  const { begun } = options.state ?? {}
  const sessions = begun ? 0 : await em.nativeDelete(Session, { user: userId })
  const { state, ...done } = await revokeGrants(em, publish, { user: userId }, options)
  // The change of each token has been published separately.
  if (!begun) publish({ kind: 'user', id: userId }, 'nothing')
  if (!begun) writeAudit(em, { kind: 'session.ended', userId, details: { sessions, everywhere: true } })
  return { ...done, state: { ...state, begun: 'yes' } }
}

/** How many live tokens a user has, of any client. */
export const countTokensOf = (em: Em, user: string): Promise<number> => em.count(AccessToken, { user, revoked: false })

export function createSignOut(operations: Pick<Operations, 'define'>): SignOut {
  const signOut = operations.define('sign_out', {
    step: (em, publish, { user }: { user: string }, options) => signOutNext(em, publish, user, options),
    remaining: (em, { user }) => countTokensOf(em, user),
  })
  return (user, options) => signOut({ user }, options)
}
