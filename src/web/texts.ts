import { inCurrentLanguage, type Language, type Translated } from '../text/language.ts'
import { german } from './texts/de.ts'
import { english } from './texts/en.ts'

export type Texts = Translated<typeof english>

const ALL: Readonly<Record<Language, Texts>> = { en: english, de: german }

/** The texts in one language, for views. */
export const textsIn = (language: Language): Texts => ALL[language]

/** The texts in the language of the current request. */
export const texts: Texts = inCurrentLanguage(ALL)
