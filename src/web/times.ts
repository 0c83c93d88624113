import QuickLRU from 'quick-lru'
import { texts } from './texts.ts'

/** A unit says enough from two of it on: `in 36 hours` is more than `in 2 days`. */
const UNITS: readonly [unit: Intl.RelativeTimeFormatUnit, ms: number, from: number][] = [
  ['year', 31_536_000_000, 2],
  ['month', 2_592_000_000, 2],
  ['day', 86_400_000, 2],
  ['hour', 3_600_000, 2],
  ['minute', 60_000, 1],
]

const relative = new Intl.RelativeTimeFormat(texts.lang, { numeric: 'always' })
const absolute = new Intl.DateTimeFormat(texts.lang, { dateStyle: 'medium', timeStyle: 'short', timeZone: 'UTC' })

/** How long ago or ahead, as people say it: `3 hours ago`, `in 12 days`. */
export function formatRelative(time: Date, now = Date.now()): string {
  const ms = time.getTime() - now
  const [unit, size] = UNITS.find(([, size, from]) => Math.round(Math.abs(ms) / size) >= from) ?? []
  return unit && size ? relative.format(Math.round(ms / size), unit) : texts.justNow[ms > 0 ? 'ahead' : 'past']
}

const MINUTE_MS = 60_000
/** A page has twenty times, mostly those that it had when it was last looked at; each takes a while to write out. */
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

/** A time as HTML: in words, with the exact one to hover over, and for the script to show in the reader's zone. */
export function when(time: Date, now?: number): string {
  return `<time datetime="${time.toISOString()}" title="${formatExact(time)} UTC">${formatRelative(time, now)}</time>`
}

const SOON_MS = 7 * 86_400_000

/** A length of time as people say it: `90 days`, `36 hours`. @param seconds */
export function lengthInWords(seconds: number): string {
  const ms = seconds * 1000
  const [unit, size] = UNITS.find(([, size, from]) => Math.round(ms / size) >= from) ?? (['minute', 60_000] as const)
  const amount = Math.max(1, Math.round(ms / size))
  return new Intl.NumberFormat(texts.lang, { style: 'unit', unit, unitDisplay: 'long' }).format(amount)
}

/** Whether something that ends then needs looking after. */
export const isSoon = (time: Date, now = Date.now()): boolean => time.getTime() - now < SOON_MS
