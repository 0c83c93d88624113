import { invalid } from './errors.ts'

/**
 * The name of a user, a client or a token, without the blanks around it.
 * @throws 422 when it has not 1 to 255 characters
 */
export function checkedName(text: string): string {
  const name = text.trim()
  if (name.length >= 1 && name.length <= 255) return name
  throw invalid({ path: 'name', message: 'must have 1 to 255 characters' })
}
