import type { ReadTime } from '../naive-time.ts'
import type { Source } from '../source/source.ts'

/**
 * Whether a stored value is the text itself or its SHA-256. Before Doorkeeper 5.1 a text had 64 hexadecimal digits, as a hash
 * has. A wrong guess would accept a stolen hash as a token, or refuse a valid token.
 */
export type Classify = (value: string, createdAt: Date | null) => 'plain' | 'hash' | 'unclear'

const HEX = /^[0-9a-f]{64}$/

/** @param hashedSince null: never; undefined: not known */
export function createClassify(hashedSince: Date | null | undefined): Classify {
  return (value, createdAt) => {
    if (!HEX.test(value) || hashedSince === null) return 'plain'
    if (hashedSince === undefined || createdAt === null) return 'unclear'
    return createdAt < hashedSince ? 'plain' : 'hash'
  }
}

/**
 * Infers since when values are hashes: texts of 43 characters came after those of 64 digits and before hashes. So 64 digits
 * that are older than the first such text are a plain text, and later ones are a hash.
 * @returns undefined if no value has 43 characters, which leaves it open
 */
export async function inferHashedSince(
  from: Source,
  readTime: ReadTime,
  table: string,
  column: string,
): Promise<Date | undefined> {
  let first: Date | undefined
  for await (const { rows } of from.chunks(table)) {
    for (const row of rows) {
      const value = row[column]
      if (!value || value.startsWith('$') || HEX.test(value)) continue
      const createdAt = readTime(row.created_at)
      if (createdAt && (first === undefined || createdAt < first)) first = createdAt
    }
  }
  return first
}
