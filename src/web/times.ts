import QuickLRU from 'quick-lru'
import { texts } from './texts.ts'

/** A unit is used from two of it on, because `in 36 hours` is more exact than `in 2 days`. */
const UNITS: readonly [unit: Intl.RelativeTimeFormatUnit, ms: number, from: number][] = [
  ['year', 31_536_000_000, 2],
  ['month', 2_592_000_000, 2],
  ['day', 86_400_000, 2],
  ['hour', 3_600_000, 2],
  ['minute', 60_000, 1],
]

const relative = new Intl.RelativeTimeFormat(texts.lang, { numeric: 'always' })
const absolute = new Intl.DateTimeFormat(texts.lang, { dateStyle: 'medium', timeStyle: 'short', timeZone: 'UTC' })

/** A relative time: `3 hours ago`, `in 12 days`. */
export function formatRelative(time: Date, now = Date.now()): string {
  const ms = time.getTime() - now
  const [unit, size] = UNITS.find(([, size, from]) => Math.round(Math.abs(ms) / size) >= from) ?? []
  return unit && size ? relative.format(Math.round(ms / size), unit) : texts.justNow[ms > 0 ? 'ahead' : 'past']
}

const MINUTE_MS = 60_000
/** Formatting is slow, and a page shows mostly the same twenty times again. */
const formatted = new QuickLRU<number, string>({ maxSize: 5_000 })

/** To the minute, in UTC. */
export function formatExact(time: Date): string {
  const minute = Math.floor(time.getTime() / MINUTE_MS)
  const known = formatted.get(minute)
  if (known !== undefined) return known
  const text = absolute.format(time)
  formatted.set(minute, text)
  return text
}

/** A `<time>`: relative, with the exact time as its title, which the script converts to the local time zone. */
export function when(time: Date, now?: number): string {
  return `<time datetime="${time.toISOString()}" title="${formatExact(time)} UTC">${formatRelative(time, now)}</time>`
}

const SOON_MS = 7 * 86_400_000

/** A duration in words: `90 days`, `36 hours`. @param seconds */
export function lengthInWords(seconds: number): string {
  const ms = seconds * 1000
  const [unit, size] = UNITS.find(([, size, from]) => Math.round(ms / size) >= from) ?? (['minute', 60_000] as const)
  const amount = Math.max(1, Math.round(ms / size))
  return new Intl.NumberFormat(texts.lang, { style: 'unit', unit, unitDisplay: 'long' }).format(amount)
}

/** Whether a time is less than seven days away. */
export const isSoon = (time: Date, now = Date.now()): boolean => time.getTime() - now < SOON_MS
