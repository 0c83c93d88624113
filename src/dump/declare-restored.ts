import { writeAudit } from '../audit/audit.ts'
import type { Database } from '../database/database.ts'
import { type CollectionWindow, DECLARE_RESTORED, openCollection } from '../deployment/restoration.ts'
import { StartupError } from '../errors/errors.ts'
import { requireResourceServers } from './collect.ts'
import { advanceSequences, lastNumbers } from './sequences.ts'
import { inSession } from './session.ts'

/** How old a restored database is. Times are RFC 3339; null: it has none. */
export interface RestoredState {
  lastAudit: string | null
  lastToken: string | null
  /** Number of status lists whose free places may have been given to tokens that it does not know. */
  openLists: number
}

/** Ids are UUIDv7, so the highest is the latest. */
const STATE = `
  select (select to_json(at) from audit_events order by id desc limit 1) as audit,
    (select to_json(created_at) from oauth_access_tokens order by id desc limit 1) as token,
    (select count(*)::int from oauth_status_lists where reserved < size and expires_at > now()) as lists`

export async function restoredState(db: Database): Promise<RestoredState> {
  const [row] = await db.query<{ audit: string | null; token: string | null; lists: number }>(STATE)
  return { lastAudit: row?.audit ?? null, lastToken: row?.token ?? null, openLists: row?.lists ?? 0 }
}

/**
 * Declares that other tools restored this database. Nodes may have given out numbers after the backup: ids of status lists,
 * places in them, and sequence numbers of events. None of those is given out again (docs/adr/0078).
 * @param window for which resource servers may report revocations that the backup lacks; undefined: they may not
 * @returns the state before
 * @throws StartupError while nodes run, since they have reserved places in memory, and for a client that is no resource server
 */
export async function declareRestored(db: Database, window?: CollectionWindow): Promise<RestoredState> {
  const nodes = await db.query<{ name: string }>(
    "select name from nodes where seen_at > clock_timestamp() - interval '5 seconds'",
  )
  if (nodes.length > 0) {
    throw new StartupError(`These nodes are running: ${nodes.map(({ name }) => name).join(', ')}. Stop them first.`)
  }
  if (window) await requireResourceServers(db, window.clients)
  const state = await restoredState(db)
  await inSession(db, async session => {
    await session.rows(DECLARE_RESTORED)
    // Readers would take the next event for the one behind these, and not notice that others were lost between.
    await session.rows('delete from oauth_status_events')
    await advanceSequences(db, session, await lastNumbers(db, session))
  })
  await db.transaction(async em => writeAudit(em, { kind: 'database.restored', details: { ...state } }))
  if (window) await openCollection(db, window)
  return state
}
