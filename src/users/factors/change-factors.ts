import { LockMode } from '@mikro-orm/postgresql'
import { writeAudit } from '../../audit/audit.ts'
import type { EventKind } from '../../audit/event.entity.ts'
import type { Config } from '../../config/config.ts'
import type { Database, Em } from '../../database/database.ts'
import { conflict, signedOut } from '../../errors/errors.ts'
import type { FactorChange } from '../../mail/kinds.ts'
import type { Mail } from '../../mail/mail.ts'
import { Session } from '../session.entity.ts'
import type { SignedIn } from '../sessions.ts'
import { User } from '../user.entity.ts'
import { hasFactors } from './has-factors.ts'
import { requiresFactor } from './policy.ts'
import { RecoveryCode } from './recovery-code.entity.ts'
import { replaceRecoveryCodes } from './recovery-codes.ts'
import { addMethod } from './session-methods.ts'

/** What is told of a change: the audit entry, and the mail. */
interface Told {
  audit: EventKind
  details?: Record<string, unknown>
  /** undefined: the factors stay as they are. */
  mail?: FactorChange
  /** What the session is known to have shown by the change, such as `otp`. */
  method?: string
}

/**
 * Changes the factors of a signed-in user in one transaction, which also writes the audit entry and the mail. The first factor
 * comes with recovery codes, and ends the other sessions, which only a password began. With the last one the recovery codes
 * go.
 * @returns the recovery codes that were created, to be shown once
 * @throws 401 if the session has ended meanwhile; 409 for the last factor of a user who needs one
 */
export type ChangeFactors = (
  by: SignedIn,
  told: Told,
  work: (em: Em, user: User) => Promise<unknown>,
) => Promise<string[] | undefined>

export interface ChangeFactorsOptions {
  db: Database
  mail: Mail
  config: Pick<Config, 'mfa'>
}

export function createChangeFactors({ db, mail, config }: ChangeFactorsOptions): ChangeFactors {
  return (by, told, work) =>
    db.transaction(async em => {
      const user = await lockSignedIn(em, by)
      const before = await hasFactors(em, user.id)
      await work(em, user)
      const after = await hasFactors(em, user.id)
      const { session } = by
      if (before && !after) {
        if (requiresFactor(user, config)) throw conflict(LAST)
        await em.nativeDelete(RecoveryCode, { user: user.id })
      }
      writeAudit(em, { kind: told.audit, userId: user.id, details: told.details ?? {} })
      if (told.mail) await mail.enqueue(em, 'factors_changed', { user: user.id, change: told.mail })
      if (told.method) await addMethod(em, session.id, told.method)
      if (before || !after) return undefined
      await em.nativeDelete(Session, { user: user.id, id: { $ne: session.id } })
      return replaceRecoveryCodes(em, user.id)
    })
}

const LAST = 'Your account needs a second factor. Add another passkey or authenticator app first.'

/** Locks the user, so that changes follow one another, and no sign-in by password alone comes between. @throws 401 */
async function lockSignedIn(em: Em, { user, session }: SignedIn): Promise<User> {
  const current = await em.findOne(User, { id: user.id }, { lockMode: LockMode.PESSIMISTIC_WRITE })
  if (!current || current.disabledAt || (await em.count(Session, { id: session.id })) === 0) throw signedOut()
  return current
}
