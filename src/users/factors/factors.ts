import { LockMode } from '@mikro-orm/postgresql'
import { writeAudit } from '../../audit/audit.ts'
import type { Config } from '../../config/config.ts'
import type { Database } from '../../database/database.ts'
import { notFound, wrongPasskey } from '../../errors/errors.ts'
import type { Mail } from '../../mail/mail.ts'
import type { KeyRing } from '../../security/key-ring.ts'
import type { SignedIn } from '../sessions.ts'
import { endSessions } from '../sessions.ts'
import { User } from '../user.entity.ts'
import { AuthenticatorApp } from './authenticator-app.entity.ts'
import { type AuthenticatorApps, createAuthenticatorApps } from './authenticator-apps.ts'
import { createChallenges } from './challenges.ts'
import { createChangeFactors } from './change-factors.ts'
import { hasFactors } from './has-factors.ts'
import { Passkey } from './passkey.entity.ts'
import type { PasskeyUse } from './passkey-use.ts'
import { createPasskeys, type Passkeys } from './passkeys.ts'
import { RecoveryCode } from './recovery-code.entity.ts'
import { isRecoveryCode, replaceRecoveryCodes, useRecoveryCode } from './recovery-codes.ts'
import { relyingPartyOf } from './relying-party.ts'
import { removeFactors } from './remove-factors.ts'

/** What a user has beside a password. */
export interface FactorList {
  passkeys: Passkey[]
  app: AuthenticatorApp | undefined
  /** How many recovery codes are left. */
  recoveryCodes: number
}

/** How somebody has shown who they are, as in `sessions.methods`. */
export type CodeMethod = 'otp' | 'recovery'

/** Second factors of users: passkeys, authenticator apps and recovery codes. */
export interface Factors {
  /** undefined: the issuer's address cannot have passkeys. */
  readonly passkeys: Passkeys | undefined
  readonly apps: AuthenticatorApps
  list(user: string): Promise<FactorList>
  /** Whether the user has a passkey or an authenticator app. */
  has(user: string): Promise<boolean>
  /** As `passkeys.use`. @throws 401 also where there are no passkeys */
  usePasskey: PasskeyUse['use']
  /** Replaces the recovery codes. @returns the new ones, to be shown once */
  createRecoveryCodes(by: SignedIn): Promise<string[]>
  /** Uses a code of the authenticator app or a recovery code up. @returns undefined for a wrong or used one */
  useCode(user: string, code: string): Promise<CodeMethod | undefined>
  /** Removes all factors of a user, and ends the sessions. For operators. @throws 404 */
  reset(user: string): Promise<User>
}

export interface FactorsOptions {
  db: Database
  mail: Mail
  ring: KeyRing
  config: Pick<Config, 'issuer' | 'mfa'>
}

export function createFactors({ db, mail, ring, config }: FactorsOptions): Factors {
  const change = createChangeFactors({ db, mail, config })
  const rp = relyingPartyOf(config.issuer)
  const challenges = createChallenges(ring)
  const apps = createAuthenticatorApps({ ring, site: new URL(config.issuer).host, change })

  const passkeys = rp && createPasskeys({ db, rp, challenges, change })

  return {
    passkeys,
    apps,
    async usePasskey(browser, answer, user) {
      if (!passkeys) throw wrongPasskey()
      return passkeys.use(browser, answer, user)
    },
    list: user =>
      db.run(async em => ({
        passkeys: await em.find(Passkey, { user }, { orderBy: { id: 'asc' } }),
        app: (await em.findOne(AuthenticatorApp, { user })) ?? undefined,
        recoveryCodes: await em.count(RecoveryCode, { user }),
      })),
    has: user => db.run(em => hasFactors(em, user)),
    async createRecoveryCodes(by) {
      let codes: string[] = []
      const told = { audit: 'user.recovery_codes_created', mail: 'codes_created' } as const
      await change(by, told, async (em, { id }) => {
        if (!(await hasFactors(em, id))) throw notFound('second factor')
        codes = await replaceRecoveryCodes(em, id)
      })
      return codes
    },
    useCode: (user, code) =>
      db.transaction(async em => {
        if (!isRecoveryCode(code)) return (await apps.use(em, user, code)) ? 'otp' : undefined
        if (!(await useRecoveryCode(em, user, code))) return undefined
        writeAudit(em, { kind: 'user.recovery_code_used', userId: user })
        await mail.enqueue(em, 'factors_changed', { user, change: 'code_used' })
        return 'recovery'
      }),
    reset: id =>
      db.transaction(async em => {
        // A factor or a session that is added at the same time comes before, and is removed, or after, and is refused.
        const user = await em.findOne(User, { id }, { lockMode: LockMode.PESSIMISTIC_WRITE })
        if (!user) throw notFound('user')
        await removeFactors(em, id)
        await endSessions(em, id)
        writeAudit(em, { kind: 'user.factors_reset', userId: id })
        await mail.enqueue(em, 'factors_changed', { user: id, change: 'reset' })
        return user
      }),
  }
}
