import type { Em } from './database.ts'

/**
 * The keys of PostgreSQL's advisory locks. Nodes of two versions run at the same time, so a key never changes its meaning.
 */
export const LOCKS = {
  /** Creating or changing signing keys. */
  keys: 7_083_201,
  /**
   * Writing status events, until the commit, so that sequence numbers become visible in order. The SQL functions
   * `revoke_tokens` and `write_status_of_new_tokens` take it too, by its number.
   */
  statusEvents: 7_083_202,
  /** Migrating the database. */
  migration: 7_083_203,
  /** Assigning an audience to a client. */
  audiences: 7_083_210,
  /** Registering a client by the initial access token. */
  registrations: 7_083_211,
  /** Blocking a host; shared: storing a client whose host is not blocked. */
  blockedHosts: 7_083_213,
  /** Assigning an e-mail address to a user. */
  emails: 7_083_212,
} as const

/** Acquires a lock that several transactions may hold, though not while one holds it alone, until the end of that of `em`. */
export const takeSharedLock = (em: Pick<Em, 'execute'>, name: keyof typeof LOCKS): Promise<unknown> =>
  em.execute('select pg_advisory_xact_lock_shared(?)', [LOCKS[name]])

/** Acquires a lock until the end of the transaction of `em`. */
export const takeLock = (em: Pick<Em, 'execute'>, name: keyof typeof LOCKS): Promise<unknown> =>
  em.execute('select pg_advisory_xact_lock(?)', [LOCKS[name]])
