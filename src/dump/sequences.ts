import type { Database } from '../database/database.ts'
import type { Session } from './session.ts'
import { sequencesOf } from './tables.ts'

/**
 * How far each sequence is advanced, by column type. The original server may have used further numbers after the dump: ids
 * of status lists, which tokens refer to, and sequence numbers of events, which readers of the feed have received.
 */
const JUMP: Record<string, number> = { integer: 1_000, bigint: 1_000_000_000 }

/**
 * Ensures that no number is used twice. Tokens issued after the dump may have the next indices of the existing status
 * lists, so those lists are marked as full; and each sequence continues far above its last value.
 */
export async function advanceSequences(db: Database, session: Session, last: Record<string, number>): Promise<void> {
  await session.rows('update oauth_status_lists set reserved = size where reserved < size')
  for (const { name, sequence, type } of await sequencesOf(db, session)) {
    const next = (last[name] ?? 0) + (JUMP[type] as number)
    await session.rows('select setval($1::regclass, $2::bigint)', [sequence, String(next)])
  }
}

/** The last value of each sequence, by `table.column`. */
export async function lastNumbers(db: Database, session: Session): Promise<Record<string, number>> {
  const numbers: Record<string, number> = {}
  for (const { name, sequence } of await sequencesOf(db, session)) {
    const [last] = await session.rows<{ n: string }>(`select last_value::text as n from ${sequence}`)
    numbers[name] = Number(last?.n)
  }
  return numbers
}
