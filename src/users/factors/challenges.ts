import type { Em } from '../../database/database.ts'
import { invalid } from '../../errors/errors.ts'
import type { KeyRing } from '../../security/key-ring.ts'
import { hashSecret, newSecret } from '../../security/secrets.ts'
import { createSeal } from './seal.ts'

/** What a challenge may be used for, and by whom. */
export interface ChallengeUse {
  purpose: 'add' | 'use'
  /** A value that only this browser has: the id of its session, or of its sign-in. */
  browser: string
}

/** A challenge that an authenticator signs (WebAuthn Level 3 §13.4.3). */
export interface Challenge {
  /** 256 random bits in base64url. */
  value: string
  /** The challenge for a field of the form. No row is stored before somebody has signed it. */
  sealed: string
}

/** Challenges are bound to a browser, are valid for five minutes, and are used once. */
export interface Challenges {
  issue(use: ChallengeUse): Promise<Challenge>
  /** The value of a sealed challenge. @throws 422 if it has expired, or is another browser's or purpose's */
  open(sealed: string | undefined, use: ChallengeUse): Promise<string>
  /** Uses a challenge up, in the transaction of `em`. @returns false if it has been used */
  consume(em: Em, value: string): Promise<boolean>
}

const SECONDS = 300

export function createChallenges(ring: KeyRing): Challenges {
  const seal = createSeal<ChallengeUse & { value: string }>(ring, 'postern passkey challenge', SECONDS)
  return {
    async issue(use) {
      const value = newSecret()
      return { value, sealed: await seal.seal({ ...use, value }) }
    },
    async open(sealed, { purpose, browser }) {
      const opened = await seal.open(sealed)
      if (opened?.purpose === purpose && opened.browser === browser) return opened.value
      throw invalid({ path: 'passkey', message: 'took too long: try again' })
    },
    async consume(em, value) {
      const rows = (await em.execute(
        'insert into used_challenges (hash, expires_at) values (?, ?) on conflict do nothing returning hash',
        [hashSecret(value), new Date(Date.now() + SECONDS * 1000)],
      )) as unknown[]
      return rows.length === 1
    },
  }
}
