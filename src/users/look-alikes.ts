import { invalid } from '../errors/errors.ts'

/** Scripts that are written together (UTS #39 §5.2, "highly restrictive"); everything else stays by itself. */
const TOGETHER = [
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

/** Letters that look like a Latin one in most typefaces (UTS #39, confusables.txt): Cyrillic, Greek, Armenian, Latin. */
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
 * Refuses an address whose parts mix scripts, as one does that only looks like another (UTS #39 §5.1). The name and each
 * label of the domain may be of different scripts.
 * @throws 422
 */
export function mustBeOneScript(email: string): void {
  if (email.split(/[@.]/).every(isOneScript)) return
  throw invalid({ path: 'email', message: 'must not mix letters of different scripts' })
}

function isOneScript(part: string): boolean {
  const sets = [...part].filter(character => LETTER.test(character)).map(scriptsOf)
  const allowed = [...SCRIPTS.map(script => [script]), ...TOGETHER] as string[][]
  // A script that is not in the list stays by itself too, but nothing here can tell it from another such one.
  if (sets.every(scripts => scripts.length === 0)) return true
  return allowed.some(together => sets.every(scripts => scripts.some(script => together.includes(script))))
}

const scriptsOf = (character: string): string[] =>
  OF_SCRIPT.flatMap(([script, pattern]) => (pattern.test(character) ? [script] : []))

/**
 * The address in Latin letters that an address looks like.
 * @returns undefined when it looks like itself alone
 */
export function looksLike(email: string): string | undefined {
  const latin = [...email].map(character => LOOK_ALIKES.get(character) ?? character).join('')
  return latin === email ? undefined : latin
}
