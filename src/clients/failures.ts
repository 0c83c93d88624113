import { getActor } from '../audit/actor.ts'
import { writeAudit } from '../audit/audit.ts'
import type { Database } from '../database/database.ts'

/** Milliseconds for which one more failure of the same client from the same address is not written down. */
const QUIET_MS = 60_000
const MOST_KEPT = 10_000

/** Writes down that a request did not prove the client that it names. Anybody may send such a request: once a minute. */
export function createFailures(db: Database): (client: string) => Promise<void> {
  const lastAt = new Map<string, number>()

  return async client => {
    const now = Date.now()
    const key = `${client} ${getActor().address}`
    if (now - (lastAt.get(key) ?? 0) < QUIET_MS) return
    if (lastAt.size >= MOST_KEPT) lastAt.clear()
    lastAt.set(key, now)
    await db.transaction(async em => writeAudit(em, { kind: 'client.authentication_failed', clientId: client }))
  }
}
