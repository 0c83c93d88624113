import { record } from '../audit/audit.ts'
import type { Changes } from '../changes/changes.ts'
import { Session } from '../users/session.entity.ts'
import { endGrants } from './refresh-family.ts'

/** Ends every session of a user, and every access and refresh token, whoever they were given to. */
export type SignOut = (userId: string) => Promise<void>

export const createSignOut =
  (changes: Changes): SignOut =>
  userId =>
    changes.transaction(async (em, announce) => {
      const sessions = await em.nativeDelete(Session, { user: userId })
      await endGrants(em, announce, { user: userId })
      // Each token that ended was announced by itself.
      announce({ kind: 'user', id: userId }, 'nothing')
      record(em, { kind: 'session.ended', userId, details: { sessions, everywhere: true } })
    })
