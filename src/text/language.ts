import { AsyncLocalStorage } from 'node:async_hooks'

/** The languages of the pages and mails (BCP 47). The first one is the default. */
export const LANGUAGES = ['en', 'de'] as const
export type Language = (typeof LANGUAGES)[number]
/** What each language calls itself. */
export const LANGUAGE_NAMES: Readonly<Record<Language, string>> = { en: 'English', de: 'Deutsch' }
export const DEFAULT_LANGUAGE: Language = LANGUAGES[0]

/** Texts of the same shape in another language. A text that is missing in one of them does not compile. */
export type Translated<T> = T extends string ? string : { readonly [K in keyof T]: Translated<T[K]> }

const storage = new AsyncLocalStorage<Language>()

/** Runs `work` for somebody who reads this language. */
export const runInLanguage = <T>(language: Language, work: () => T): T => storage.run(language, work)

/** The language of the current request; outside of one, the default. */
export const currentLanguage = (): Language => storage.getStore() ?? DEFAULT_LANGUAGE

/** The known language with this name. @returns undefined for any other text */
export const toLanguage = (text: unknown): Language | undefined => LANGUAGES.find(language => language === text)

type Texts = { readonly [name: string]: string | Texts }

/**
 * One object for the texts of all languages: each text is read in the language of the current request.
 * @example
 * const texts = inCurrentLanguage({ en: { save: 'Save' }, de: { save: 'Speichern' } })
 * runInLanguage('de', () => texts.save) // 'Speichern'
 */
export function inCurrentLanguage<T extends object>(languages: Readonly<Record<Language, T>>): T {
  const result = {}
  for (const [name, value] of Object.entries(languages[DEFAULT_LANGUAGE] as Texts)) {
    const inEach = (language: Language) => (languages[language] as Texts)[name]
    const texts = Object.fromEntries(LANGUAGES.map(language => [language, inEach(language)]))
    const inner = typeof value === 'string' ? undefined : inCurrentLanguage(texts as Record<Language, Texts>)
    Object.defineProperty(result, name, { enumerable: true, get: () => inner ?? inEach(currentLanguage()) })
  }
  return result as T
}
