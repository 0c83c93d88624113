import type { Database } from '../database/database.ts'
import type { Log } from '../errors/log.ts'

/** Readers of the feed that have received more than the database has: it may be a restored backup. */
export interface ReadersAhead {
  /** @param since the last sequence number that the reader says it has received. @param sequence that of the database */
  note(client: string, since: number, sequence: number): Promise<void>
  /** How many connections were ahead, since the start of this process. */
  readonly count: number
}

const IS_DECLARED = `
  select from settings where name = 'restoration'
    and ? <= pg_sequence_last_value(pg_get_serial_sequence('oauth_status_events', 'sequence')::regclass)`

/** Clients that are remembered, so that each is logged once. */
const MAX_CLIENTS = 1_000

/**
 * Logs each client once, and changes nothing: a reader can send any number. The numbers of a database that was declared as restored
 * continue behind those of all readers, so that it is not one of these.
 */
export function createReadersAhead(db: Database, log: Log): ReadersAhead {
  const logged = new Set<string>()
  let count = 0
  return {
    get count() {
      return count
    },
    async note(client, since, sequence) {
      const [declared] = await db.query(IS_DECLARED, [since])
      if (declared) return
      count++
      if (logged.has(client) || logged.size >= MAX_CLIENTS) return
      logged.add(client)
      log.warn(
        { client_id: client, last_event_id: since, sequence },
        'a reader of the event feed has received status changes that this database lacks. If it was restored from a backup, ' +
          'stop all nodes and run: postern restored --collect',
      )
    },
  }
}
