import { currentLanguage, LANGUAGES, type Language } from '../text/language.ts'

/** The forms of a text for a count; English and German distinguish these two (CLDR). */
export interface PluralText {
  readonly one: string
  readonly other: string
}

const formatsIn = (language: Language) => ({
  number: new Intl.NumberFormat(language),
  plural: new Intl.PluralRules(language),
})
const FORMATS = Object.fromEntries(LANGUAGES.map(language => [language, formatsIn(language)])) as Record<
  Language,
  ReturnType<typeof formatsIn>
>

/** A number in the language of the page: `1,234`. */
export const formatNumber = (value: number): string => FORMATS[currentLanguage()].number.format(value)

/** The form of a text for a count, with its placeholder. */
export function pluralForm(text: PluralText, count: number): string {
  return FORMATS[currentLanguage()].plural.select(count) === 'one' ? text.one : text.other
}

/**
 * A text with a count in it.
 * @example plural({ one: '{n} token', other: '{n} tokens' }, 2) // '2 tokens'
 */
export const plural = (text: PluralText, count: number): string =>
  pluralForm(text, count).replaceAll(/\{(n|count)\}/g, () => formatNumber(count))
