import QuickLRU from 'quick-lru'
import { currentLanguage, LANGUAGES, type Language } from '../text/language.ts'
import { texts } from './texts.ts'

/** A unit is used from two of it on, because `in 36 hours` is more exact than `in 2 days`. */
const UNITS: readonly [unit: Intl.RelativeTimeFormatUnit, ms: number, from: number][] = [
  ['year', 31_536_000_000, 2],
  ['month', 2_592_000_000, 2],
  ['day', 86_400_000, 2],
  ['hour', 3_600_000, 2],
  ['minute', 60_000, 1],
]

/** Formatting is slow, and a page shows mostly the same twenty times again. */
const formatsIn = (language: Language) => ({
  relative: new Intl.RelativeTimeFormat(language, { numeric: 'always' }),
  absolute: new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'short', timeZone: 'UTC' }),
  day: new Intl.DateTimeFormat(language, { month: 'short', day: 'numeric', timeZone: 'UTC' }),
  date: new Intl.DateTimeFormat(language, {
    weekday: 'short',
    day: 'numeric',
    month: 'short',
    year: 'numeric',
    timeZone: 'UTC',
  }),
  formatted: new QuickLRU<number, string>({ maxSize: 5_000 }),
})
const FORMATS = Object.fromEntries(LANGUAGES.map(language => [language, formatsIn(language)])) as Record<
  Language,
  ReturnType<typeof formatsIn>
>
const formats = () => FORMATS[currentLanguage()]

/** A relative time: `3 hours ago`, `in 12 days`. */
export function formatRelative(time: Date, now = Date.now()): string {
  const ms = time.getTime() - now
  const [unit, size] = UNITS.find(([, size, from]) => Math.round(Math.abs(ms) / size) >= from) ?? []
  return unit && size
    ? formats().relative.format(Math.round(ms / size), unit)
    : texts.justNow[ms > 0 ? 'ahead' : 'past']
}

const MINUTE_MS = 60_000

/** To the minute, in UTC. */
export function formatExact(time: Date): string {
  const { formatted, absolute } = formats()
  const minute = Math.floor(time.getTime() / MINUTE_MS)
  const known = formatted.get(minute)
  if (known !== undefined) return known
  const text = absolute.format(time)
  formatted.set(minute, text)
  return text
}

/** A day of this year, in UTC: `Jan 31`. */
export const formatDay = (time: Date): string => formats().day.format(time)

/** A day with its year, in UTC: `Sat, Jan 31, 2026`. */
export const formatDate = (time: Date): string => formats().date.format(time)

/**
 * A `<time>`: relative, with the exact time as its title and for screen readers, which are not told of titles. The script
 * converts both to the local time zone.
 */
export function when(time: Date, now?: number): string {
  const exact = `${formatExact(time)} UTC`
  return `<time datetime="${time.toISOString()}" title="${exact}">${formatRelative(time, now)}<span class="unseen">, ${exact}</span></time>`
}

const SOON_MS = 7 * 86_400_000

/** A duration in words: `90 days`, `36 hours`. @param seconds */
export function formatDuration(seconds: number): string {
  const ms = seconds * 1000
  const [unit, size] = UNITS.find(([, size, from]) => Math.round(ms / size) >= from) ?? (['minute', 60_000] as const)
  const amount = Math.max(1, Math.round(ms / size))
  return new Intl.NumberFormat(currentLanguage(), { style: 'unit', unit, unitDisplay: 'long' }).format(amount)
}

/** Whether a time is less than seven days away. */
export const isSoon = (time: Date, now = Date.now()): boolean => time.getTime() - now < SOON_MS
