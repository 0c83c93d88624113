import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { deriveKey } from '../config/app-key.ts'
import { normalizeEmail } from './emails.ts'

/** How long a browser is known after a sign-in, in seconds. */
export const DEVICE_LIFETIME = 180 * 86_400

/**
 * Texts by which a browser proves that a user signed in with it before (OWASP, "Slow Down Online Guessing Attacks with
 * Device Cookies"). Such a browser has a count of failed sign-ins of its own: no failure from elsewhere delays it. The
 * text signs nobody in.
 */
export interface DeviceCookies {
  /** For a browser in which this user has just signed in. */
  issue(email: string): string
  /** @returns id of the browser; undefined for a text that is missing, expired, another user's or not ours */
  read(text: string | undefined, email: string): string | undefined
}

const FORM = /^([\w-]{22})\.(\d{10})\.([\w-]{43})$/

export function createDeviceCookies(appKey: string): DeviceCookies {
  const key = deriveKey(appKey, 'postern device cookies')
  const mac = (id: string, issuedAt: string, email: string) =>
    createHmac('sha256', key)
      .update(`${id}.${issuedAt}.${normalizeEmail(email)}`)
      .digest()

  return {
    issue(email) {
      const id = randomBytes(16).toString('base64url')
      const issuedAt = String(Math.floor(Date.now() / 1000))
      return `${id}.${issuedAt}.${mac(id, issuedAt, email).toString('base64url')}`
    },
    read(text, email) {
      const [, id, issuedAt, given] = FORM.exec(text ?? '') ?? []
      if (id === undefined || issuedAt === undefined || given === undefined) return undefined
      if (Number(issuedAt) + DEVICE_LIFETIME < Date.now() / 1000) return undefined
      return timingSafeEqual(Buffer.from(given, 'base64url'), mac(id, issuedAt, email)) ? id : undefined
    },
  }
}
