import { importedFormat } from '../../../packages/guard/src/imported-text.ts'
import { hashSecret } from '../../security/secrets.ts'
import type { Refusal, UserDraft } from '../drafts.ts'
import type { ReadTime } from '../naive-time.ts'
import type { SourceRow } from '../source/source.ts'

/** A value of a row that cannot be read. */
export class UnreadableValue extends Error {}

/** Reads a row. @returns why it is refused, if one of its values cannot be read */
export function readRow<T>(row: SourceRow, read: (id: string) => T | Refusal): T | Refusal {
  try {
    const id = idOf(row, 'id')
    if (id === null) throw new UnreadableValue('it has no id')
    return read(id)
  } catch (error) {
    if (error instanceof UnreadableValue) return { sourceId: (row.id ?? '?').slice(0, MAX_ID), reason: error.message }
    throw error
  }
}

/** With the name of its table it is stored in a column of 255 characters. */
const MAX_ID = 190
/** Control characters, and parts of characters, which no database could compare. */
const UNPRINTABLE = /[\p{Cc}\p{Cs}]/u

/** Whether a text can be an id. */
export const isId = (text: string): boolean => text !== '' && text.length <= MAX_ID && !UNPRINTABLE.test(text)

/** The id of a row, without the blanks that fill a column of a fixed length; null: none. @throws UnreadableValue */
export function idOf(row: SourceRow, column: string): string | null {
  const id = row[column]?.trimEnd()
  if (!id) return null
  if (!isId(id)) throw new UnreadableValue(`its ${column} is no id`)
  return id
}

/** The SHA-256 of the text of an access token. @throws UnreadableValue for one that no server would look up */
export function hashOfText(text: string): Buffer {
  if (importedFormat(text) === undefined) throw new UnreadableValue(NO_TEXT)
  return hashSecret(text)
}

const NO_TEXT = 'its text is not what a token can be here: 20 to 4096 printable ASCII characters without blanks'

const TRUE = ['1', '\u0001', 't', 'true', 'y', 'yes', 'on']
const FALSE = ['', '0', '\u0000', 'f', 'false', 'n', 'no', 'off']

/**
 * `0` and `1` of MySQL, also as a bit, `f` and `t` of PostgreSQL, and what JSON has and other programs write; NULL is false.
 * @throws UnreadableValue for any other value: `false` may mean that a token works
 */
export function isTrue(row: SourceRow, column: string): boolean {
  const text = row[column]?.toLowerCase() ?? ''
  if (TRUE.includes(text)) return true
  if (FALSE.includes(text)) return false
  throw new UnreadableValue(`its ${column} is neither true nor false`)
}

/** When the row ends; null: never. A zero date is none: what has it has ended long ago. @throws UnreadableValue */
export function endOf(readTime: ReadTime, row: SourceRow, column: string): Date | null {
  if (row[column]?.startsWith('0000-00-00')) throw new UnreadableValue(`its ${column} is no date`)
  return timeOf(readTime, row, column)
}

/** @throws UnreadableValue */
export function timeOf(readTime: ReadTime, row: SourceRow, column: string): Date | null {
  const time = readTime(row[column])
  if (time === undefined) throw new UnreadableValue(`its ${column} is no date`)
  return time
}

/**
 * A JSON array of texts; null: there is none. PHP writes an array without its first element as an object.
 * @throws UnreadableValue
 */
export function listOf(row: SourceRow, column: string): string[] | null {
  const text = row[column]
  if (text === null || text === undefined) return null
  try {
    const value: unknown = JSON.parse(text)
    if (value === null) return null
    const list: unknown[] | undefined = typeof value === 'object' ? Object.values(value) : undefined
    if (list?.every(one => typeof one === 'string')) return list
  } catch {
    // The same reason as for any other value.
  }
  throw new UnreadableValue(`its ${column} are no list of texts`)
}

const PASSWORDS = ['password', 'encrypted_password', 'password_digest', 'password_hash']
const NAMES = ['name', 'full_name', 'display_name', 'username', 'login']

/** The model of a new Laravel application, and its usual alias in a morph map. */
export const LARAVEL_USERS: readonly string[] = ['App\\Models\\User', 'user']

/** The columns of Laravel, of the export and of Devise. */
const CONFIRMATIONS = ['email_verified_at', 'email_confirmed_at', 'confirmed_at']

/** A user of a table with the usual columns of Laravel or Rails. */
export function readUser(readTime: ReadTime, table: string, row: SourceRow): UserDraft | Refusal {
  return readRow(row, id => {
    const ref = `${table}/${id}`
    const email = row.email?.trim()
    if (!email) return { sourceId: ref, reason: 'it has no e-mail address' }
    if (!email.includes('@') || UNPRINTABLE.test(email)) return { sourceId: ref, reason: 'its e-mail address is none' }
    const pick = (columns: string[]) => columns.map(column => row[column]).find(value => value) ?? null
    const full = [row.first_name, row.last_name].filter(Boolean).join(' ')
    const name = (pick(NAMES) ?? full) || email
    const createdAt = timeOf(readTime, row, 'created_at') ?? new Date()
    const column = CONFIRMATIONS.find(one => row[one] !== undefined)
    const emailConfirmedAt = column ? timeOf(readTime, row, column) : null
    return { ref, email, name, passwordHash: pick(PASSWORDS), emailConfirmedAt, createdAt }
  })
}
