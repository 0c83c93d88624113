import { texts } from './texts.ts'

/** The order matters, because most browsers also name others. */
const BROWSERS: [RegExp, string][] = [
  [/\bEdgA?\//, 'Edge'],
  [/\bOPR\//, 'Opera'],
  [/\bFirefox\/|\bFxiOS\//, 'Firefox'],
  [/Chrom(e|ium)\/|\bCriOS\//, 'Chrome'],
  [/\bSafari\//, 'Safari'],
]
const SYSTEMS: [RegExp, string][] = [
  [/\bWindows\b/, 'Windows'],
  [/\bAndroid\b/, 'Android'],
  [/\b(iPhone|iPad)\b/, 'iOS'],
  [/\bMac OS X\b/, 'macOS'],
  [/\bCrOS\b/, 'ChromeOS'],
  [/\bLinux\b/, 'Linux'],
]
const MAX_LENGTH = 60

const named = (among: [RegExp, string][], userAgent: string) => among.find(([sign]) => sign.test(userAgent))?.[1]

/** The probable browser and system of a `User-Agent`, such as `Firefox on Linux`. */
export function deviceName(userAgent: string): string {
  const text = texts.account.sessions
  const browser = named(BROWSERS, userAgent)
  const system = named(SYSTEMS, userAgent)
  if (browser && system) return text.on.replace('{browser}', browser).replace('{system}', system)
  return browser ?? system ?? (userAgent.trim().slice(0, MAX_LENGTH) || text.unknown)
}
