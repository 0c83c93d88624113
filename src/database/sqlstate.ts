/**
 * The classes of temporary PostgreSQL errors (PostgreSQL, appendix A):
 * - `retry`: the same transaction must be retried.
 * - `connection`: unavailable, and the connection must be discarded. A new one may reach another server.
 * - `statement`: unavailable, but the connection can be reused.
 * Every other error is a fault of the code or of the input, for which a retry does not help.
 */
export type SqlStateClass = 'retry' | 'connection' | 'statement'

const TABLE: readonly [codes: RegExp, errorClass: SqlStateClass][] = [
  // Serialization failure and deadlock.
  [/^40(000|001|P01)$/, 'retry'],
  // The rest of class 40: rolled back, or completion unknown (40003). Only the caller may decide to retry.
  [/^40...$/, 'statement'],
  // Connection exceptions. A pooler also uses 08P01 when it has lost its server.
  [/^08...$/, 'connection'],
  // A read-only server: a standby, or a former primary after a failover.
  [/^25006$/, 'connection'],
  // A transaction timeout, which ends the session.
  [/^25P0[34]$/, 'connection'],
  // The login, the database or a permission is rejected: revoked for maintenance, during a restore, or while a password is
  // being replaced. The sender of the request can fix none of it.
  [/^(28...|3D000|42501)$/, 'connection'],
  // Out of disk, memory, connections or another limit of the configuration.
  [/^53...$/, 'statement'],
  // "Object not in prerequisite state": recovery is in progress, or the database accepts no connections.
  [/^55000$/, 'connection'],
  // In use or locked by another session.
  [/^55(006|P03)$/, 'statement'],
  // Cancelled because it took too long.
  [/^57014$/, 'statement'],
  // Operator intervention: shutdown, startup, crash, dropped database, idle timeout.
  [/^57...$/, 'connection'],
  // Snapshot too old; a new transaction gets a new one.
  [/^72000$/, 'statement'],
  // System errors outside PostgreSQL: I/O, files, configuration.
  [/^(58|F0)...$/, 'connection'],
  // Not included: XX (internal errors and corruption, which must surface), 54 (caused by the input), P0 (raised by us).
]

/** @returns the class of a SQLSTATE; undefined when the error is not temporary */
export function classifySqlState(code: unknown): SqlStateClass | undefined {
  return TABLE.find(([codes]) => codes.test(String(code)))?.[1]
}
