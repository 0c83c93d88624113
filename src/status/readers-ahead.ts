import type { Log } from '../errors/log.ts'

/** Readers of the feed that have received more than the database has: it may be a restored backup. */
export interface ReadersAhead {
  /** @param since the last sequence number that the reader says it has received. @param sequence that of the database */
  note(client: string, since: number, sequence: number): void
  /** How many connections were ahead, since the start of this process. */
  readonly count: number
}

/** Clients that are remembered, so that each is logged once. */
const MAX_CLIENTS = 1_000

/**
 * Logs each client once, and changes nothing: a reader can send any number. A database that was declared as restored is ahead of
 * all readers, so this does not concern it.
 */
export function createReadersAhead(log: Log): ReadersAhead {
  const logged = new Set<string>()
  let count = 0
  return {
    get count() {
      return count
    },
    note(client, since, sequence) {
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
