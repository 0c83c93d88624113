import { invalid } from '../errors/errors.ts'

const MAX_LENGTH = 255

/** Characters that look like a space but do not match `\s` or `trim`: blanks of Braille, music and hieroglyphs. */
const BLANK = '\\u2800\\u{1D159}\\u{13441}\\u{13442}'
const SURROUNDING_BLANKS = new RegExp(`^[\\s${BLANK}]+|[\\s${BLANK}]+$`, 'gu')
const VISIBLE = new RegExp(`[[\\p{L}\\p{N}\\p{P}\\p{S}]--[${BLANK}\\p{Default_Ignorable_Code_Point}]]`, 'v')

/** Control characters, line breaks, lone surrogates, and invisible format characters (UAX #44, Default_Ignorable). */
const INVISIBLE =
  /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Noncharacter_Code_Point}\p{Default_Ignorable_Code_Point}\uFFF9-\uFFFC\u{13430}-\u{13440}]/u

/** Letters of scripts in which a joiner changes the shapes of its neighbours: Arabic, Persian, the Indic scripts, … */
const JOINING =
  '[[\\p{L}\\p{M}]--[\\p{sc=Latin}\\p{sc=Greek}\\p{sc=Cyrillic}\\p{sc=Han}\\p{sc=Hangul}\\p{sc=Hiragana}\\p{sc=Katakana}\\p{Default_Ignorable_Code_Point}]]'
const PICTURE = '\\p{Extended_Pictographic}[\\uFE0E\\uFE0F]?\\p{Emoji_Modifier}?'

/** Sequences in which an invisible character changes the rendering of the one before it (UTS #51, #37, UAX #31). */
const SHAPING = new RegExp(
  [
    // The flag of a region: a black flag, its letters as tags, an end tag.
    '\\u{1F3F4}[\\u{E0030}-\\u{E0039}\\u{E0061}-\\u{E007A}]+\\u{E007F}',
    `${PICTURE}(?:\\u200D${PICTURE})*`,
    '[0-9#*]\\uFE0F\\u20E3',
    // Variants of an ideograph, and of a Mongolian letter.
    '\\p{sc=Han}[\\uFE00-\\uFE02\\u{E0100}-\\u{E01EF}]',
    '\\p{sc=Mongolian}[\\u180B-\\u180D\\u180F]',
    `(?<=${JOINING})[\\u200C\\u200D](?=${JOINING})`,
    '(?<=[\\p{M}--[\\p{sc=Inherited}\\p{Default_Ignorable_Code_Point}]])\\u200D',
  ].join('|'),
  'gv',
)

/**
 * Normalizes the name of a user, a client or a token: Unicode normalization form C, without surrounding blanks.
 * @param path the input field of the name
 * @throws 422 when the name does not have 1 to 255 characters, has no visible character, or contains an invisible one:
 * two names could look alike, and a link with an empty name could not be found
 */
export function validateName(text: string, path = 'name'): string {
  const name = text.normalize('NFC').replace(SURROUNDING_BLANKS, '')
  const { length } = [...name]
  if (length < 1 || length > MAX_LENGTH) throw invalid({ path, message: `must have 1 to ${MAX_LENGTH} characters` })
  assertVisible(name, path)
  if (VISIBLE.test(name)) return name
  throw invalid({ path, message: 'must contain a visible character' })
}

/**
 * Rejects text with invisible characters. Those that shape the emoji or letter before them are allowed.
 * @throws 422 that names the first invisible character
 */
export function assertVisible(text: string, path: string): void {
  const hidden = INVISIBLE.exec(text.replace(SHAPING, 'x'))?.[0]
  if (hidden === undefined) return
  const code = hidden.codePointAt(0)?.toString(16).toUpperCase().padStart(4, '0')
  throw invalid({ path, message: `must not contain invisible characters: remove U+${code}` })
}
