const UNITS = { Y: 31_536_000, M: 2_592_000, W: 604_800, D: 86_400, h: 3_600, m: 60, s: 1 } as const

const ISO = /^P(?=.)(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?=.)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?$/
const SHORT = /^(\d+)(y|w|d|h|m|s)$/

/** 100 years. A time that is much later exists neither for `Date` nor in RFC 3339. */
export const MAX_SECONDS = 3_155_760_000

/**
 * Parses a duration.
 * @param text an ISO 8601 duration (`P1Y`, `PT10M`) or a short form (`30d`, `12h`); a year is 365 days, a month 30
 * @returns seconds, or undefined when it is neither, not positive or longer than {@link MAX_SECONDS}
 */
export function parseDuration(text: string): number | undefined {
  const short = SHORT.exec(text)
  if (short) return positive(Number(short[1]) * shortUnit(short[2] as string))
  const iso = ISO.exec(text)
  if (!iso) return undefined
  const sizes = [UNITS.Y, UNITS.M, UNITS.W, UNITS.D, UNITS.h, UNITS.m, UNITS.s]
  return positive(sizes.reduce((sum, size, i) => sum + size * Number(iso[i + 1] ?? 0), 0))
}

function shortUnit(letter: string): number {
  return letter === 'y' || letter === 'w' || letter === 'd'
    ? UNITS[letter.toUpperCase() as 'Y' | 'W' | 'D']
    : UNITS[letter as 'h' | 'm' | 's']
}

function positive(seconds: number): number | undefined {
  return seconds > 0 && seconds <= MAX_SECONDS ? seconds : undefined
}
