import { writeAudit } from '../audit/audit.ts'
import type { InvalidationBus, Publish } from '../cluster/invalidation-bus.ts'
import type { Em } from '../database/database.ts'
import { type Progress, runSteps, type Step, type WorkState } from '../database/run-batches.ts'
import type { RevokeManyOptions } from '../tokens/revoke-many.ts'
import { Session } from '../users/session.entity.ts'
import { type RevokeGrantsOptions, revokeGrants } from './revoke-grants.ts'

/**
 * Ends every session of a user and revokes every access and refresh token, of any client. Call it again to continue.
 * @returns how many access tokens were revoked, and whether all are done
 */
export type SignOut = (userId: string, options?: RevokeGrantsOptions) => Promise<Progress>

/**
 * Does so by one batch, in the transaction of `em`. The first one ends the sessions: whoever signs in again while later ones
 * run stays signed in.
 */
async function signOutNext(em: Em, publish: Publish, userId: string, options: RevokeManyOptions): Promise<Step> {
  const { begun } = options.state ?? {}
  const sessions = begun ? 0 : await em.nativeDelete(Session, { user: userId })
  const { state, ...done } = await revokeGrants(em, publish, { user: userId }, options)
  // The change of each token has been published separately.
  if (!begun) publish({ kind: 'user', id: userId }, 'nothing')
  if (!begun) writeAudit(em, { kind: 'session.ended', userId, details: { sessions, everywhere: true } })
  return { ...done, state: { ...state, begun: 'yes' } }
}

export const createSignOut =
  (bus: InvalidationBus): SignOut =>
  async (userId, { lastTokenId, ...limits } = {}) => {
    const step = (state: WorkState) =>
      bus.transaction((em, publish) => signOutNext(em, publish, userId, { state, lastTokenId }))
    const { count, complete } = await runSteps(step, limits)
    return { count, complete }
  }
