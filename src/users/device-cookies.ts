import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { deriveKey } from '../config/app-key.ts'
import type { DerivedKey, KeyRing } from '../security/key-ring.ts'
import { normalizeEmail } from './emails.ts'

/** How long a browser is recognized after a sign-in, in seconds. */
export const DEVICE_LIFETIME = 180 * 86_400

/** A browser in which a user signed in before. */
export interface KnownDevice {
  id: string
  /** When the cookie was issued, to the second. */
  since: Date
}

/**
 * Cookies that identify a browser in which a user has signed in before (OWASP, "Slow Down Online Guessing Attacks with
 * Device Cookies"). Failed sign-ins in such a browser are counted separately, so that failures elsewhere do not delay it. The
 * cookie does not authenticate the user.
 */
export interface DeviceCookies {
  /** A cookie value for a browser in which this user has just signed in. */
  issue(email: string): string
  /** @returns the browser; undefined for a value that is missing, expired, forged or of another user */
  read(text: string | undefined, email: string): KnownDevice | undefined
}

const FORM = /^([\w-]{22})\.(\d{10})\.([\w-]{43})$/

export function createDeviceCookies(ring: KeyRing): DeviceCookies {
  const keys = ring.derive(appKey => deriveKey(appKey, 'postern device cookies'))
  const mac = ({ key }: DerivedKey, id: string, issuedAt: string, email: string) =>
    createHmac('sha256', key)
      .update(`${id}.${issuedAt}.${normalizeEmail(email)}`)
      .digest()

  return {
    issue(email) {
      const id = randomBytes(16).toString('base64url')
      const issuedAt = String(Math.floor(Date.now() / 1000))
      return `${id}.${issuedAt}.${mac(keys.active, id, issuedAt, email).toString('base64url')}`
    },
    read(text, email) {
      const [, id, issuedAt, given] = FORM.exec(text ?? '') ?? []
      if (id === undefined || issuedAt === undefined || given === undefined) return undefined
      if (Number(issuedAt) + DEVICE_LIFETIME < Date.now() / 1000) return undefined
      const bytes = Buffer.from(given, 'base64url')
      const isOurs = keys.all.some(key => timingSafeEqual(bytes, mac(key, id, issuedAt, email)))
      return isOurs ? { id, since: new Date(Number(issuedAt) * 1000) } : undefined
    },
  }
}
