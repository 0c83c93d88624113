import { DEFAULT_LANGUAGE, type Language, type Translated } from '../text/language.ts'
import { english } from './english.ts'
import { german } from './german.ts'

export type MailTexts = Translated<typeof english>

const ALL: Readonly<Record<Language, MailTexts>> = { en: english, de: german }

/** The texts for somebody who chose this language, or none. */
export const mailTextsIn = (language: Language | null | undefined): MailTexts => ALL[language ?? DEFAULT_LANGUAGE]
