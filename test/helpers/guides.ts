import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** The blocks of code in a language in a guide, in their order and as they are written. */
export function blocksOf(guide: string, language: string): string[] {
  const text = readFileSync(join(import.meta.dirname, '../../docs', guide), 'utf8')
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\`$`, 'gms'))].map(match => match[1] as string)
}
