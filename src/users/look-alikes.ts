import { invalid } from '../errors/errors.ts'

/** Scripts that may be mixed (UTS #39 §5.2, "highly restrictive"). No other scripts may be mixed. */
const MIXABLE_SCRIPTS = [
  ['Latin', 'Han', 'Hiragana', 'Katakana'],
  ['Latin', 'Han', 'Hangul'],
  ['Latin', 'Han', 'Bopomofo'],
]
const SCRIPTS = [
  'Latin',
  'Greek',
  'Cyrillic',
  'Armenian',
  'Hebrew',
  'Arabic',
  'Devanagari',
  'Bengali',
  'Tamil',
  'Thai',
  'Georgian',
  'Cherokee',
  'Coptic',
  'Han',
  'Hiragana',
  'Katakana',
  'Hangul',
  'Bopomofo',
] as const
const OF_SCRIPT = SCRIPTS.map(script => [script, new RegExp(`\\p{Script_Extensions=${script}}`, 'u')] as const)
const LETTER = /\p{L}/u

/** Cyrillic, Greek, Armenian and Latin letters that look like a basic Latin letter (UTS #39, confusables.txt). */
const LOOK_ALIKES = new Map(
  Object.entries({
    a: 'аαɑ',
    b: 'ЬƄ',
    c: 'сϲᴄ',
    d: 'ԁ',
    e: 'еҽ',
    g: 'ɡց',
    h: 'һհ',
    i: 'іιıɩ',
    j: 'јϳ',
    k: 'кκ',
    l: 'ӏǀ',
    n: 'ոп',
    o: 'оοσօ',
    p: 'рρ',
    q: 'ԛզ',
    r: 'г',
    s: 'ѕꜱ',
    t: 'тτ',
    u: 'υսᴜ',
    v: 'ѵνᴠ',
    w: 'ԝաᴡ',
    x: 'хχ',
    y: 'уγү',
    z: 'ᴢ',
  }).flatMap(([latin, others]) => [...others].map(other => [other, latin] as const)),
)

/**
 * Rejects an address with a part that mixes scripts, since it may imitate another address (UTS #39 §5.1). The local part and
 * each label of the domain may use different scripts.
 * @throws 422
 */
export function mustBeOneScript(email: string): void {
  if (email.split(/[@.]/).every(isOneScript)) return
  throw invalid({ path: 'email', message: 'must not mix letters of different scripts' })
}

function isOneScript(part: string): boolean {
  const sets = [...part].filter(character => LETTER.test(character)).map(scriptsOf)
  const allowed = [...SCRIPTS.map(script => [script]), ...MIXABLE_SCRIPTS] as string[][]
  // Scripts that are not in the list must not be mixed with listed ones either. They cannot be told from each other here.
  if (sets.every(scripts => scripts.length === 0)) return true
  return allowed.some(group => sets.every(scripts => scripts.some(script => group.includes(script))))
}

const scriptsOf = (character: string): string[] =>
  OF_SCRIPT.flatMap(([script, pattern]) => (pattern.test(character) ? [script] : []))

/**
 * Replaces letters that look like Latin ones. Addresses that look alike have the same skeleton (UTS #39 §4), whichever of them
 * is the Latin one. It is stored with each user, so a change of the table needs a migration of `users.email_skeleton`.
 */
export const skeletonOf = (email: string): string =>
  [...email].map(character => LOOK_ALIKES.get(character) ?? character).join('')
