import { invalid } from '../errors/errors.ts'

/** The range that JavaScript, PostgreSQL and RFC 3339 can all represent: the years 1 to 9999 in UTC. */
const EARLIEST_MS = Date.parse('0001-01-01T00:00:00Z')
const LATEST_MS = Date.parse('9999-12-31T23:59:59.999Z')

/** Whether JavaScript, PostgreSQL and RFC 3339 can all represent the time. */
export const isStorable = (date: Date): boolean => date.getTime() >= EARLIEST_MS && date.getTime() <= LATEST_MS

/** The time itself, or the nearest one that can be stored. */
export const storable = (ms: number): Date => new Date(Math.min(Math.max(ms, EARLIEST_MS), LATEST_MS))

/**
 * Parses an RFC 3339 time. The schema's `date-time` format also accepts times that `Date` or the database cannot represent:
 * leap seconds, the year 0, the last hours of 9999 west of Greenwich.
 * @param path the path of the field, for the error
 * @throws 422 that names the field
 * @example parseDateTime('expires_at', '2030-01-31T12:00:00Z')
 */
export function parseDateTime(path: string, text: string): Date {
  const date = new Date(text)
  const ms = date.getTime()
  if (Number.isNaN(ms)) throw invalid({ path, message: 'must be an existing time and not a leap second' })
  if (!isStorable(date)) throw invalid({ path, message: 'must be in the years 1 to 9999 in UTC' })
  return date
}

/**
 * Parses a date such as `2030-01-31`, the value of a date field, to its first instant in UTC. `Date` alone accepts
 * 31 February and turns it into 3 March.
 * @returns undefined: the text is not a date in the years 1 to 9999
 * @example parseDay('2030-01-31')
 */
export function parseDay(text: string): Date | undefined {
  const date = /^(?!0000)\d{4}-\d{2}-\d{2}$/.test(text) ? new Date(`${text}T00:00:00Z`) : undefined
  return date && !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text) ? date : undefined
}

/** `parseDateTime` for a field that may be absent. */
export const parseOptionalDateTime = (path: string, text: string | undefined): Date | undefined =>
  text === undefined ? undefined : parseDateTime(path, text)

export const earlierOf = (a: Date, b: Date): Date => (a < b ? a : b)
