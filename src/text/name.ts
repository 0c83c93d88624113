import { invalid } from '../errors/errors.ts'

const MAX_LENGTH = 255

/** Looks like a space, and is none to `\s` or `trim`: blanks of Braille, music and hieroglyphs. */
const BLANK = '\\u2800\\u{1D159}\\u{13441}\\u{13442}'
const SURROUNDING_BLANKS = new RegExp(`^[\\s${BLANK}]+|[\\s${BLANK}]+$`, 'gu')
const VISIBLE = new RegExp(`[[\\p{L}\\p{N}\\p{P}\\p{S}]--[${BLANK}\\p{Default_Ignorable_Code_Point}]]`, 'v')

/** Controls, line breaks, half characters, and format characters without a shape (UAX #44, Default_Ignorable). */
const INVISIBLE =
  /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Noncharacter_Code_Point}\p{Default_Ignorable_Code_Point}\uFFF9-\uFFFC\u{13430}-\u{13440}]/u

/** Scripts in which a joiner between letters changes their shapes: Arabic and Persian, the scripts of India, and so on. */
const JOINING =
  '[[\\p{L}\\p{M}]--[\\p{sc=Latin}\\p{sc=Greek}\\p{sc=Cyrillic}\\p{sc=Han}\\p{sc=Hangul}\\p{sc=Hiragana}\\p{sc=Katakana}\\p{Default_Ignorable_Code_Point}]]'
const PICTURE = '\\p{Extended_Pictographic}[\\uFE0E\\uFE0F]?\\p{Emoji_Modifier}?'

/** Where characters without a shape of their own change how the one before them is drawn (UTS #51, #37, UAX #31). */
const SHAPING = new RegExp(
  [
    // A flag of a region: black flag, its letters as tags, an end tag.
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
 * The name of a user, a client or a token as it is stored: in normal form C, without the blanks around it.
 * @param path field that the name was sent in
 * @throws 422 when it has not 1 to 255 characters, nothing in it can be seen, or something in it never can: then two
 * names look alike, or a name is a link that nobody can find
 */
export function validateName(text: string, path = 'name'): string {
  const name = text.normalize('NFC').replace(SURROUNDING_BLANKS, '')
  const { length } = [...name]
  if (length < 1 || length > MAX_LENGTH) throw invalid({ path, message: `must have 1 to ${MAX_LENGTH} characters` })
  assertVisible(name, path)
  if (VISIBLE.test(name)) return name
  throw invalid({ path, message: 'must have a character that people can see' })
}

/**
 * Refuses text with characters that people cannot see. Those that shape an emoji or a letter before them are fine.
 * @throws 422 that names the first one
 */
export function assertVisible(text: string, path: string): void {
  const hidden = INVISIBLE.exec(text.replace(SHAPING, 'x'))?.[0]
  if (hidden === undefined) return
  const code = hidden.codePointAt(0)?.toString(16).toUpperCase().padStart(4, '0')
  throw invalid({ path, message: `must not have characters that people cannot see: remove U+${code}` })
}
