import { UniqueConstraintViolationException } from '@mikro-orm/postgresql'
import type { Database } from '../../database/database.ts'
import { newId } from '../../database/ids.ts'
import { conflict, invalid, notFound } from '../../errors/errors.ts'
import { validateName } from '../../text/name.ts'
import { isUuid } from '../../text/uuid.ts'
import type { SignedIn } from '../sessions.ts'
import { labelOf } from '../user.entity.ts'
import type { Challenges } from './challenges.ts'
import type { ChangeFactors } from './change-factors.ts'
import { verifyNewCredential } from './credential.ts'
import { Passkey } from './passkey.entity.ts'
import {
  createPasskeyUse,
  describePasskeys,
  type PasskeyAnswer,
  type PasskeyRequest,
  type PasskeyUse,
  TIMEOUT_MS,
} from './passkey-use.ts'
import type { RelyingParty } from './relying-party.ts'
import { loadWebAuthn } from './webauthn.ts'

/** Passkeys of users. */
export interface Passkeys extends PasskeyUse {
  /** Options for a new passkey of a signed-in user. */
  beginAdding(by: SignedIn): Promise<PasskeyRequest>
  /**
   * Stores a new passkey.
   * @returns recovery codes, if it is the first factor
   * @throws 409 for too many; 422 if it is not acceptable
   */
  add(by: SignedIn, answer: PasskeyAnswer, name: string): Promise<string[] | undefined>
  /** @throws 404 if it is not a passkey of this user; 422 for an invalid name */
  rename(by: SignedIn, id: string, name: string): Promise<void>
  /** @throws 404 if it is not a passkey of this user */
  remove(by: SignedIn, id: string): Promise<void>
}

const MAX_PASSKEYS = 20

export interface PasskeysOptions {
  db: Database
  rp: RelyingParty
  challenges: Challenges
  change: ChangeFactors
}

export function createPasskeys({ db, rp, challenges, change }: PasskeysOptions): Passkeys {
  const checks = { expectedOrigin: rp.origin, expectedRPID: rp.id, requireUserVerification: true }

  return {
    ...createPasskeyUse({ db, rp, challenges }),

    async beginAdding(by) {
      const { value, sealed } = await challenges.issue({ purpose: 'add', browser: by.session.id })
      const { generateRegistrationOptions } = await loadWebAuthn()
      const options = await generateRegistrationOptions({
        rpName: rp.name,
        rpID: rp.id,
        userName: labelOf(by.user),
        userDisplayName: by.user.name,
        userID: new TextEncoder().encode(by.user.id),
        challenge: new Uint8Array(Buffer.from(value, 'base64url')),
        timeout: TIMEOUT_MS,
        attestationType: 'none',
        excludeCredentials: await describePasskeys(db, by.user.id),
        authenticatorSelection: { residentKey: 'preferred', userVerification: 'required' },
      })
      return { options, sealed }
    },

    async add(by, { sealed, credential }, name) {
      const challenge = await challenges.open(sealed, { purpose: 'add', browser: by.session.id })
      const made = await verifyNewCredential(credential, { ...checks, expectedChallenge: challenge })
      const row = { ...made, id: newId(), name: nameOf(name), createdAt: new Date(), lastUsedAt: null }
      const details = { factor: 'passkey', passkey: row.id }
      const told = { audit: 'user.factor_added', details, mail: 'passkey_added', method: 'passkey' } as const
      return change(by, told, async (em, { id: user }) => {
        if (!(await challenges.consume(em, challenge))) throw invalid({ path: 'passkey', message: 'was added already' })
        if ((await em.count(Passkey, { user })) >= MAX_PASSKEYS)
          throw conflict(`You have ${MAX_PASSKEYS} passkeys, which is as many as one user may have.`)
        await em.insert(Passkey, { ...row, user }).catch(throwKnown)
      })
    },

    async rename(by, id, name) {
      const values = { name: nameOf(name) }
      const details = { factor: 'passkey', passkey: id }
      await change(by, { audit: 'user.factor_renamed', details }, async (em, { id: user }) => {
        if (!isUuid(id) || (await em.nativeUpdate(Passkey, { id, user }, values)) === 0) throw notFound('passkey')
      })
    },

    async remove(by, id) {
      const told = {
        audit: 'user.factor_removed',
        details: { factor: 'passkey', passkey: id },
        mail: 'passkey_removed',
      } as const
      await change(by, told, async (em, { id: user }) => {
        if (!isUuid(id) || (await em.nativeDelete(Passkey, { id, user })) === 0) throw notFound('passkey')
      })
    },
  }
}

/** @throws 422 */
function nameOf(text: string): string {
  const name = validateName(text)
  if (name.length <= 64) return name
  throw invalid({ path: 'name', message: 'must have at most 64 characters' })
}

function throwKnown(error: unknown): never {
  if (error instanceof UniqueConstraintViolationException)
    throw invalid({ path: 'passkey', message: 'is registered already' })
  throw error
}
