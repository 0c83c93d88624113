import { randomBytes } from 'node:crypto'
import { deriveKey } from '../config/app-key.ts'
import { decryptWith, encryptWith, fromBytes, keyUnder, toBytes } from '../security/encrypt.ts'
import type { KeyRing } from '../security/key-ring.ts'
import type { Checks } from './provider.ts'

/** A sign-in that has begun, kept by the browser that began it. */
export interface SignInState extends Checks {
  /** Which provider. */
  key: string
  /** Path to return to. */
  next: string | undefined
  /** The session whose user has to prove again who they are; undefined: a new sign-in. */
  confirms: string | undefined
  /** Seconds since the epoch. */
  startedAt: number
}

/** Seconds that a person has to sign in at the provider. */
export const SIGN_IN_SECONDS = 600

export interface SignInStates {
  begin(details: Pick<SignInState, 'key' | 'next' | 'confirms'>): Promise<{ state: SignInState; cookie: string }>
  /** @returns undefined for a text that is not ours, is another provider's or is too old */
  read(cookie: string | undefined, key: string): Promise<SignInState | undefined>
}

const PURPOSE = 'postern provider sign-in'
const random = () => randomBytes(32).toString('base64url')

/** The state is encrypted, since it contains the code verifier, and authenticated. */
export function createSignInStates(ring: KeyRing): SignInStates {
  const keys = ring.derive(appKey => keyUnder(Buffer.from(deriveKey(appKey, PURPOSE)).toString('base64url'), PURPOSE))
  const read = async (cookie: string) => fromBytes<SignInState>((await decryptWith(keys, cookie)).plain)
  return {
    async begin(details) {
      const startedAt = Math.floor(Date.now() / 1000)
      const state = { ...details, state: random(), nonce: random(), verifier: random(), startedAt }
      return { state, cookie: await encryptWith(keys, toBytes(state)) }
    },
    async read(cookie, key) {
      if (cookie === undefined) return undefined
      const state = await read(cookie).catch(() => undefined)
      const isOld = !state || state.startedAt + SIGN_IN_SECONDS < Date.now() / 1000
      return isOld || state.key !== key ? undefined : state
    },
  }
}
