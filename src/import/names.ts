import { validateName } from '../text/name.ts'

const MAX_LENGTH = 255
/** Characters that no name here can have: control characters, line breaks, lone surrogates, invisible characters. */
const INVISIBLE = /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]+/gu

/**
 * The name of an imported row: as it is, or without what a name here cannot contain.
 * @param fallback for a name with nothing visible
 */
export function importedName(name: string, fallback: string): string {
  const visible = name.replaceAll(INVISIBLE, ' ').trim()
  const candidates = [name, visible, [...visible].slice(0, MAX_LENGTH).join('')]
  return candidates.map(valid).find(one => one !== undefined) ?? fallback
}

function valid(name: string): string | undefined {
  try {
    return validateName(name)
  } catch {
    return undefined
  }
}
