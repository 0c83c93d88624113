/** Tokens that end later than in so many years share one status list. */
const MAX_YEARS = 30
const LAST_YEAR = 9_999

/**
 * The end of the status list of an imported token: no earlier than that of the token. Each list occupies memory on every
 * node, and imported tokens may end in any month of any century, so they share one for each year.
 */
export function importedListEnd(expiresAt: Date): Date {
  const now = new Date().getUTCFullYear()
  const year = Math.max(expiresAt.getUTCFullYear(), now)
  return new Date(Date.UTC(year - now > MAX_YEARS ? LAST_YEAR : year, 11, 31))
}
