import { randomBytes } from 'node:crypto'
import { deriveKey } from '../../config/app-key.ts'
import type { Em } from '../../database/database.ts'
import { invalid } from '../../errors/errors.ts'
import { decryptWith, encryptWith } from '../../security/encrypt.ts'
import type { KeyRing } from '../../security/key-ring.ts'
import type { SignedIn } from '../sessions.ts'
import { labelOf } from '../user.entity.ts'
import { AuthenticatorApp } from './authenticator-app.entity.ts'
import type { ChangeFactors } from './change-factors.ts'
import { createSeal } from './seal.ts'
import { matchingStep, otpauthUri, toBase32 } from './totp.ts'

/** An authenticator app that is being set up. Nothing is stored until a code of it is entered. */
export interface NewApp {
  /** The secret, encrypted, for a field of the form. */
  sealed: string
  /** The secret, for a QR code. */
  uri: string
  /** The secret, to be typed, in groups of four. */
  text: string
}

export interface AuthenticatorApps {
  begin(by: SignedIn): Promise<NewApp>
  /** What a form that was rejected shows again. @throws 422 if it has expired */
  again(by: SignedIn, sealed: string | undefined): Promise<NewApp>
  /**
   * Stores the app, in place of an earlier one.
   * @returns recovery codes, if it is the first factor
   * @throws 422 for a wrong code, or if setting it up took too long
   */
  add(by: SignedIn, sealed: string | undefined, code: string): Promise<string[] | undefined>
  remove(by: SignedIn): Promise<void>
  /** Uses a code up, in the transaction of `em`. @returns false for a wrong or used one, and without an app */
  use(em: Em, user: string, code: string): Promise<boolean>
}

/** 160 bits, as RFC 4226 §4 recommends. */
const SECRET_BYTES = 20
const SETUP_SECONDS = 900

export const authenticatorAppSecret = (appKey: string): Uint8Array => deriveKey(appKey, 'postern authenticator apps')

export interface AuthenticatorAppsOptions {
  ring: KeyRing
  /** The name that the app shows. */
  site: string
  change: ChangeFactors
}

export function createAuthenticatorApps({ ring, site, change }: AuthenticatorAppsOptions): AuthenticatorApps {
  const seal = createSeal<{ session: string; secret: string }>(ring, 'postern new authenticator app', SETUP_SECONDS)
  const keys = ring.derive(authenticatorAppSecret)

  /** @throws TypeError for a row that was copied from another user */
  async function decrypt({ user, encryptedSecret }: AuthenticatorApp): Promise<Buffer> {
    const { plain, header } = await decryptWith(keys, encryptedSecret)
    if (header.user !== user) throw new TypeError('an authenticator app belongs to another user')
    return Buffer.from(plain)
  }

  async function open({ session }: SignedIn, sealed: string | undefined): Promise<Buffer> {
    const opened = await seal.open(sealed)
    if (opened?.session === session.id) return Buffer.from(opened.secret, 'base64url')
    throw invalid({ path: '', message: 'Setting up the app took too long. Scan the new code.' })
  }

  async function show(by: SignedIn, secret: Buffer): Promise<NewApp> {
    const sealed = await seal.seal({ session: by.session.id, secret: secret.toString('base64url') })
    const text = toBase32(secret).replace(/(.{4})(?=.)/g, '$1 ')
    return { sealed, uri: otpauthUri(secret, site, labelOf(by.user)), text }
  }

  return {
    begin: by => show(by, randomBytes(SECRET_BYTES)),
    again: async (by, sealed) => show(by, await open(by, sealed)),

    async add(by, sealed, code) {
      const secret = await open(by, sealed)
      const lastStep = matchingStep(secret, digitsOf(code))
      if (lastStep === undefined) throw invalid({ path: 'code', message: 'is wrong' })
      const encryptedSecret = await encryptWith(keys, secret, { user: by.user.id })
      const told = {
        audit: 'user.factor_added',
        details: { factor: 'authenticator_app' },
        mail: 'app_added',
        method: 'otp',
      } as const
      return change(by, told, async (em, { id: user }) => {
        await em.nativeDelete(AuthenticatorApp, { user })
        await em.insert(AuthenticatorApp, { user, encryptedSecret, lastStep, createdAt: new Date(), lastUsedAt: null })
      })
    },

    async remove(by) {
      const told = {
        audit: 'user.factor_removed',
        details: { factor: 'authenticator_app' },
        mail: 'app_removed',
      } as const
      await change(by, told, (em, { id: user }) => em.nativeDelete(AuthenticatorApp, { user }))
    },

    async use(em, user, code) {
      const app = await em.findOne(AuthenticatorApp, { user })
      if (!app) return false
      const step = matchingStep(await decrypt(app), digitsOf(code))
      if (step === undefined) return false
      // Of two that use one code at once, one changes the row.
      const where = { user, createdAt: app.createdAt, lastStep: { $lt: step } }
      return (await em.nativeUpdate(AuthenticatorApp, where, { lastStep: step, lastUsedAt: new Date() })) === 1
    },
  }
}

/** Apps show a code in groups. */
const digitsOf = (code: string): string => code.normalize('NFKC').replaceAll(/[\s-]/g, '')
