import { currentLanguage, type Language } from '../text/language.ts'
import { messages as german } from './texts/de/messages.ts'
import { messages as english } from './texts/messages.ts'

type Rule = readonly [pattern: RegExp, text: string]

const PLACEHOLDER = /\{(\w+)\}/g
const escaped = (text: string) => text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')

function toRule([message, text]: [string, string]): Rule {
  // Every second part is the name of a placeholder.
  const pattern = message.split(PLACEHOLDER).map((part, i) => (i % 2 === 0 ? escaped(part) : `(?<${part}>.+)`))
  return [new RegExp(`^${pattern.join('')}$`, 's'), text]
}

const RULES: Readonly<Record<Language, readonly Rule[]>> = {
  en: Object.entries(english).map(toRule),
  de: Object.entries(german).map(toRule),
}

/** The message of an error in the words and the language of the page. A message that is not listed stays as it is. */
export function translateMessage(message: string): string {
  for (const [pattern, text] of RULES[currentLanguage()]) {
    const found = pattern.exec(message)
    if (found) return text.replaceAll(PLACEHOLDER, (_, name) => found.groups?.[name] ?? '')
  }
  return message
}
