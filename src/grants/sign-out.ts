import { record } from '../audit/audit.ts'
import type { Changes } from '../changes/changes.ts'
import { retire } from '../tokens/retire.ts'
import { Session } from '../users/session.entity.ts'
import { RefreshToken } from './refresh.entity.ts'

/** Ends every session of a user, and every access and refresh token, whoever they were given to. */
export type SignOut = (userId: string) => Promise<void>

export const createSignOut =
  (changes: Changes): SignOut =>
  userId =>
    changes.transaction(async (em, announce) => {
      const sessions = await em.nativeDelete(Session, { user: userId })
      await em.nativeUpdate(RefreshToken, { user: userId, revoked: false }, { revoked: true })
      await retire(em, announce, { user: userId })
      announce({ kind: 'user', id: userId })
      record(em, { kind: 'session.ended', userId, details: { sessions, everywhere: true } })
    })
