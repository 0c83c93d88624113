import { record } from '../audit/audit.ts'
import type { Changes } from '../cluster/changes.ts'
import { inTime, type Progress } from '../database/in-time.ts'
import { Session } from '../users/session.entity.ts'
import { type Ending, endGrants } from './refresh-family.ts'

/**
 * Ends every session of a user, and every access and refresh token, whoever they were given to; called again it goes on.
 * @returns how many access tokens were revoked, and whether none is left
 */
export type SignOut = (userId: string, ending?: Ending) => Promise<Progress>

export const createSignOut =
  (changes: Changes): SignOut =>
  (userId, { keep, longest = Infinity } = {}) => {
    let first = true
    const batch = () =>
      changes.transaction(async (em, announce) => {
        const sessions = await em.nativeDelete(Session, { user: userId })
        const done = await endGrants(em, announce, { user: userId }, keep)
        // Each token that ended was announced by itself.
        announce({ kind: 'user', id: userId }, 'nothing')
        if (first) record(em, { kind: 'session.ended', userId, details: { sessions, everywhere: true } })
        return done
      })
    const next = async () => {
      const done = await batch()
      first = false
      return done
    }
    return inTime(next, longest)
  }
