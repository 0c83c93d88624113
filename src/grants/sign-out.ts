import { writeAudit } from '../audit/audit.ts'
import type { InvalidationBus } from '../cluster/invalidation-bus.ts'
import { type Progress, runBatches } from '../database/run-batches.ts'
import { Session } from '../users/session.entity.ts'
import { type RevokeGrantsOptions, revokeGrants } from './refresh-family.ts'

/**
 * Ends every session of a user and revokes every access and refresh token, of any client. Call it again to continue.
 * @returns how many access tokens were revoked, and whether all are done
 */
export type SignOut = (userId: string, options?: RevokeGrantsOptions) => Promise<Progress>

export const createSignOut =
  (bus: InvalidationBus): SignOut =>
  (userId, { lastTokenId, timeoutMs = Infinity } = {}) => {
    let first = true
    const batch = () =>
      bus.transaction(async (em, publish) => {
        const sessions = await em.nativeDelete(Session, { user: userId })
        const done = await revokeGrants(em, publish, { user: userId }, lastTokenId)
        // The change of each token has been published separately.
        publish({ kind: 'user', id: userId }, 'nothing')
        if (first) writeAudit(em, { kind: 'session.ended', userId, details: { sessions, everywhere: true } })
        return done
      })
    const next = async () => {
      const done = await batch()
      first = false
      return done
    }
    return runBatches(next, timeoutMs)
  }
