import { createHmac, timingSafeEqual } from 'node:crypto'

/** Seconds that a code is shown for (RFC 6238 §5.2). */
const STEP_SECONDS = 30
const DIGITS = 6
/** Codes of so many steps before and after the current one are accepted: clocks differ, and typing takes time. */
const SKEW = 1

/** The time step of a time. @param ms milliseconds since the epoch */
export const stepOf = (ms: number): number => Math.floor(ms / 1000 / STEP_SECONDS)

/**
 * The code of a time step (RFC 6238 §4.2, RFC 4226 §5.3): HMAC-SHA-1, six digits, which is what authenticator apps support.
 * @example totp(secret, stepOf(Date.now())) // '287082'
 */
export function totp(secret: Uint8Array, step: number): string {
  const counter = Buffer.alloc(8)
  counter.writeBigUInt64BE(BigInt(step))
  const mac = createHmac('sha1', secret).update(counter).digest()
  const number = mac.readUInt32BE((mac.at(-1) as number) & 15) & 0x7fff_ffff
  return String(number % 10 ** DIGITS).padStart(DIGITS, '0')
}

/** The step whose code this is, of the current one and its neighbours. @returns undefined for a wrong code */
export function matchingStep(secret: Uint8Array, code: string, now = Date.now()): number | undefined {
  const current = stepOf(now)
  const steps = Array.from({ length: 2 * SKEW + 1 }, (_, i) => current - SKEW + i)
  const matching = steps.filter(step => isEqual(totp(secret, step), code))
  return matching.at(-1)
}

const isEqual = (expected: string, given: string): boolean =>
  /^\d{6}$/.test(given) && timingSafeEqual(Buffer.from(expected), Buffer.from(given))

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

/** Base32 without padding (RFC 4648 §6), in which people type a secret. @param bytes a multiple of five */
export function toBase32(bytes: Uint8Array): string {
  const bits = [...bytes].map(byte => byte.toString(2).padStart(8, '0')).join('')
  return (bits.match(/.{5}/g) ?? []).map(five => BASE32[Number.parseInt(five, 2)]).join('')
}

/**
 * The URI of a secret, for a QR code (https://github.com/google/google-authenticator/wiki/Key-Uri-Format).
 * @param site the name that the app shows
 */
export function otpauthUri(secret: Uint8Array, site: string, email: string): string {
  const label = `${encodeURIComponent(site)}:${encodeURIComponent(email)}`
  return `otpauth://totp/${label}?${new URLSearchParams({ secret: toBase32(secret), issuer: site })}`
}
