import QuickLRU from 'quick-lru'
import type { Database } from '../database/database.ts'
import { isDerivedId } from '../text/derived-id.ts'
import { isUuid } from '../text/uuid.ts'
import { MAX_SUBJECT_LENGTH, rowIdOf } from './subject.ts'

/** Returns the id that responses name the user of a row by. */
export type ShowUserId = (row: string | null) => string | null

/** The ids of users: those of their rows, and those that tokens and responses name them by. */
export interface UserIds {
  /** Looks up the users of these rows, with one query at most. Rows that are gone are shown by their own id. */
  shown(rows: Iterable<string | null>): Promise<ShowUserId>
  /** The id of the row of the user that responses name by this id. It need not exist. */
  rowOf(id: string): Promise<string>
}

/** The subject of a row never changes. */
const MAX_KNOWN = 10_000
/** No row has it. */
const NO_ROW = '00000000-0000-0000-0000-000000000000'
const SUBJECTS = `
  select id, subject from users where subject is not null and id in (select jsonb_array_elements_text(?::jsonb)::uuid)`

export function createUserIds(db: Pick<Database, 'query'>): UserIds {
  const known = new QuickLRU<string, string>({ maxSize: MAX_KNOWN / 2 })

  return {
    async shown(rows) {
      const ids = [...new Set(rows)].filter(id => id !== null).filter(isDerivedId)
      const missing = ids.filter(id => !known.has(id))
      const found =
        missing.length === 0 ? [] : await db.query<{ id: string; subject: string }>(SUBJECTS, [JSON.stringify(missing)])
      const subjects = new Map(found.map(({ id, subject }) => [id, subject]))
      for (const id of ids) {
        const subject = subjects.get(id) ?? known.get(id)
        if (subject === undefined) continue
        subjects.set(id, subject)
        known.set(id, subject)
      }
      return row => (row === null ? null : (subjects.get(row) ?? row))
    },
    async rowOf(id) {
      if (id.length > MAX_SUBJECT_LENGTH || id.includes('\0')) return NO_ROW
      // A UUID may be the id of a row here or of a user of an application; the database lets it not be both.
      if (!isUuid(id)) return rowIdOf(id)
      const [own] = await db.query<{ id: string }>('select id from users where subject = ?', [id])
      if (own) return own.id
      return isDerivedId(id) ? NO_ROW : id
    },
  }
}
