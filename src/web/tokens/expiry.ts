import { parseDuration } from '../../config/duration.ts'
import { invalid } from '../../errors/errors.ts'
import { parseDay } from '../../http/time.ts'
import { plural } from '../numbers.ts'
import { texts } from '../texts.ts'
import { formatDate } from '../times.ts'

export interface ExpiryOption {
  value: string
  label: string
  selected: boolean
}

/** The options of the expiry field, and the limits of the date field. */
export interface ExpiryChoice {
  options: ExpiryOption[]
  date: string
  first: string
  last: string
}

const text = texts.tokens.form
const DAY = 86_400
const DAYS = [7, 30, 60, 90, 365]
const DEFAULT_EXPIRY = '30d'
const ON_DATE = 'date'

const day = (ms: number) => new Date(ms).toISOString().slice(0, 10)

/**
 * @param maxLifetime seconds that a token may live
 * @param choice from a link or a form: a duration (`30d`, `P30D`) or `date`; invalid values are ignored
 */
export function expiryChoice(maxLifetime: number, choice = '', date = ''): ExpiryChoice {
  const now = Date.now()
  const seconds = parseDuration(choice)
  const other = seconds !== undefined && seconds % DAY === 0 && seconds <= maxLifetime ? seconds / DAY : undefined
  const counts = [...new Set([...DAYS.filter(count => count * DAY <= maxLifetime), ...(other ? [other] : [])])]
  const chosen = choice === ON_DATE ? ON_DATE : other ? `${other}d` : DEFAULT_EXPIRY
  const options = counts
    .sort((a, b) => a - b)
    .map(count => ({ value: `${count}d`, label: labelOf(count, now), selected: chosen === `${count}d` }))
  return {
    options: [...options, { value: ON_DATE, label: text.date, selected: chosen === ON_DATE }],
    date,
    first: day(now + DAY * 1000),
    last: day(now + maxLifetime * 1000),
  }
}

/** With the resulting date: `In 30 days (Thu, Dec 31, 2026)`. */
const labelOf = (days: number, now: number) =>
  `${plural(text.days, days)} (${formatDate(new Date(now + days * DAY * 1000))})`

/**
 * The chosen expiry. A date means its last second in UTC, or the maximum lifetime if that is earlier on that day.
 * @throws 422
 */
export function chosenExpiry(maxLifetime: number, choice: string | undefined, date: string | undefined): Date {
  const now = Date.now()
  if (choice !== ON_DATE) {
    const seconds = parseDuration(choice ?? '')
    if (seconds === undefined) throw invalid({ path: 'expires_in', message: text.noExpiry })
    return new Date(now + seconds * 1000)
  }
  const limit = now + maxLifetime * 1000
  const midnight = parseDay(date ?? '')
  if (!midnight) throw invalid({ path: 'expires_on', message: text.badDate })
  const end = midnight.getTime() + (DAY - 1) * 1000
  return new Date(date === day(limit) ? Math.min(end, limit) : end)
}

/** The field of the form that an error of the expiry is shown at. */
export const expiryField = (choice: string | undefined): 'expires_in' | 'expires_on' =>
  choice === ON_DATE ? 'expires_on' : 'expires_in'
