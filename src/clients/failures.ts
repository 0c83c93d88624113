import { getActor } from '../audit/actor.ts'
import { writeAudit } from '../audit/audit.ts'
import type { Database } from '../database/database.ts'

/** Milliseconds for which further failures of the same client from the same address are not logged. */
const QUIET_MS = 60_000
const MAX_ENTRIES = 10_000

/**
 * Logs a failed client authentication to the audit log. Anyone can cause such failures, so only one per minute is logged for
 * each client and address.
 */
export function createFailures(db: Database): (client: string) => Promise<void> {
  const lastAt = new Map<string, number>()

  return async client => {
    const now = Date.now()
    const key = `${client} ${getActor().address}`
    if (now - (lastAt.get(key) ?? 0) < QUIET_MS) return
    if (lastAt.size >= MAX_ENTRIES) lastAt.clear()
    lastAt.set(key, now)
    await db.transaction(async em => writeAudit(em, { kind: 'client.authentication_failed', clientId: client }))
  }
}
