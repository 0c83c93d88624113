import { storable } from '../http/time.ts'

/** Reads the dates of another system, which are without a time zone. @returns undefined for a text that is no date */
export type ReadTime = (text: string | null | undefined) => Date | null | undefined

const NAIVE = /^(\d{4})-(\d\d)-(\d\d)(?:[ T](\d\d):(\d\d):(\d\d)(?:\.(\d+))?)?$/
const ZONED = /^\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d(:?\d\d)?)$/
/** PostgreSQL writes these where nothing ends, and years that no other system can represent. */
const FAR = /^(infinity|[1-9]\d{4,5}-\d\d-\d\d( \d\d:\d\d:\d\d(\.\d+)?([+-]\d\d(:\d\d)?)?)?)$/
/** Zero dates, which MySQL accepts in some modes. */
const ZERO = /^0000-00-00/
/** Offsets change at quarters of an hour. */
const QUARTER_MS = 900_000
const MAX_CACHED = 20_000
const DAY_MS = 86_400_000

/** Whether the runtime knows a time zone. */
export function isTimeZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone })
    return true
  } catch {
    return false
  }
}

/**
 * Makes the function that reads dates as the wall clock of a time zone. A time that occurs twice, when clocks are set back, is
 * taken as the earlier one; a time that is skipped is moved forward, as PHP does, and so is a day that does not exist. What
 * is beyond the years 1 to 9999 becomes the first or last time of them.
 * @param zone an IANA name such as `Europe/Berlin`
 * @example createReadTime('Europe/Berlin')('2026-07-01 12:00:00') // 2026-07-01T10:00:00Z
 */
export function createReadTime(zone: string): ReadTime {
  const offsetAt = createOffsets(zone)

  function toInstant(wallClock: number): Date {
    // The offset a day before and a day after are the two that can apply.
    const before = offsetAt(wallClock - DAY_MS)
    const after = offsetAt(wallClock + DAY_MS)
    if (before === after) return new Date(wallClock - before)
    const candidates = [before, after].map(offset => wallClock - offset).sort((a, b) => a - b)
    const exact = candidates.find(instant => instant + offsetAt(instant) === wallClock)
    return new Date(exact ?? wallClock - before)
  }

  return text => {
    if (text === null || text === undefined || text === '' || ZERO.test(text)) return null
    const parts = NAIVE.exec(text)
    if (!parts) return FAR.test(text) ? storable(Infinity) : zoned(text)
    const [, year, month, day, hour = 0, minute = 0, second = 0, fraction] = parts
    const ms = fraction === undefined ? 0 : Number(fraction.padEnd(3, '0').slice(0, 3))
    const wallClock = Date.UTC(+(year as string), +(month as string) - 1, +(day as string), +hour, +minute, +second, ms)
    return storable(toInstant(wallClock).getTime())
  }
}

/** PostgreSQL writes an offset of whole hours without minutes. */
function zoned(text: string): Date | undefined {
  if (!ZONED.test(text)) return undefined
  const iso = text
    .replace(' ', 'T')
    .replace(/([+-]\d\d)(:?(\d\d))?$/, (_, hours, _minutes, minutes = '00') => `${hours}:${minutes}`)
  const date = new Date(iso)
  return Number.isNaN(date.getTime()) ? undefined : storable(date.getTime())
}

/** The offset of the time zone at an instant, in milliseconds. */
function createOffsets(zone: string): (instant: number) => number {
  if (zone === 'UTC') return () => 0
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  })
  const cache = new Map<number, number>()

  function compute(instant: number): number {
    const parts = Object.fromEntries(format.formatToParts(instant).map(({ type, value }) => [type, Number(value)]))
    const { year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0 } = parts
    return Date.UTC(year, month - 1, day, hour, minute, second) - instant
  }

  return instant => {
    const quarter = Math.floor(instant / QUARTER_MS) * QUARTER_MS
    const cached = cache.get(quarter)
    if (cached !== undefined) return cached
    if (cache.size >= MAX_CACHED) cache.clear()
    const offset = compute(quarter)
    cache.set(quarter, offset)
    return offset
  }
}
