import type { Em } from './database.ts'

/**
 * The numbers of PostgreSQL's advisory locks. Nodes of two versions run at the same time: a number never changes its
 * meaning.
 */
export const LOCKS = {
  /** Whoever sets up the deployment or changes its signing keys. */
  keys: 7_083_201,
  /**
   * Whoever writes status events, until the commit, so that sequence numbers become visible in their order. The SQL
   * functions `revoke_tokens` and `write_status_of_new_tokens` take it too, by its number.
   */
  statusEvents: 7_083_202,
  /** Whoever migrates the database. */
  migration: 7_083_203,
  /** Whoever gives a client an audience. */
  audiences: 7_083_210,
} as const

/** Waits for a lock, and holds it until the transaction of `em` ends. */
export const takeLock = (em: Pick<Em, 'execute'>, name: keyof typeof LOCKS): Promise<unknown> =>
  em.execute('select pg_advisory_xact_lock(?)', [LOCKS[name]])
