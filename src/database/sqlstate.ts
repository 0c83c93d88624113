/**
 * What an error of PostgreSQL means for whoever waits for the answer (PostgreSQL, appendix A), decided in this one place.
 * - `retry`: the server asks for another try of the same transaction.
 * - `connection`: not now, and this connection will not get better. Another may lead to another server.
 * - `statement`: not now, but the connection can be used again.
 * Everything else is a mistake of ours or of the input, which waiting does not mend.
 */
export type SqlStateClass = 'retry' | 'connection' | 'statement'

const TABLE: readonly [codes: RegExp, meaning: SqlStateClass][] = [
  // Serialization failure and deadlock.
  [/^40(000|001|P01)$/, 'retry'],
  // Class 40 otherwise: rolled back, or nobody knows (40003); the work must not be repeated without being asked for.
  [/^40...$/, 'statement'],
  // Connection exceptions; a pooler also reports with 08P01 that its server is gone.
  [/^08...$/, 'connection'],
  // A server that can only read: a standby, or an old primary after a failover.
  [/^25006$/, 'connection'],
  // The server ended a transaction that took too long, and the session with it.
  [/^25P0[34]$/, 'connection'],
  // The login, the database or a permission is refused: revoked for maintenance, being restored, or a password is being
  // replaced. Whoever sent the request can mend none of it.
  [/^(28...|3D000|42501)$/, 'connection'],
  // Out of disk, memory, connections or another limit of the configuration.
  [/^53...$/, 'statement'],
  // "Not in prerequisite state": recovery is in progress, or the database accepts no connections.
  [/^55000$/, 'connection'],
  // In use by others, or locked by them.
  [/^55(006|P03)$/, 'statement'],
  // Cancelled because it took too long.
  [/^57014$/, 'statement'],
  // Operator intervention: shutting down, starting, crashed, dropped, idle for too long.
  [/^57...$/, 'connection'],
  // A snapshot too old; the next one is new.
  [/^72000$/, 'statement'],
  // The system around PostgreSQL fails: input and output, files, its configuration.
  [/^(58|F0)...$/, 'connection'],
  // Not here: XX (a fault or damaged data must be seen, and stays), 54 (too complex: comes with the input), P0 (our own).
]

/** @returns what the SQLSTATE means; undefined when waiting does not mend it */
export function classifySqlState(code: unknown): SqlStateClass | undefined {
  return TABLE.find(([codes]) => codes.test(String(code)))?.[1]
}
