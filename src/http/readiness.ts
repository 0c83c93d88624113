import type { InvalidationBus } from '../cluster/invalidation-bus.ts'
import type { Database } from '../database/database.ts'
import { withTimeout } from '../database/timeout.ts'
import { misrouted } from '../errors/errors.ts'

/** Timeout in milliseconds; probes time out soon and count that as a failure. */
const READY_MS = 1_000

/**
 * Checks whether the database accepts writes, without a write. It fails with the error of a write, so that the pool
 * discards the connection. During recovery `transaction_read_only` is on too.
 */
const CAN_WRITE = `do $$ begin
  if current_setting('transaction_read_only')::boolean then
    raise exception 'the database can only be read' using errcode = 'read_only_sql_transaction';
  end if;
end $$`

/** @throws the 503 with which a node says that it cannot serve: it cannot write to the database, or receives no notifications */
export type Readiness = () => Promise<void>

/** Concurrent calls share one check, so that probes and scrapes of a hanging database do not use up its connections. */
export function createReadiness({ db, bus }: { db: Database; bus: InvalidationBus }): Readiness {
  let checking: Promise<unknown> | undefined
  return async () => {
    checking ??= db.query(CAN_WRITE).finally(() => {
      checking = undefined
    })
    await withTimeout(checking, READY_MS)
    if (bus.misrouted) throw misrouted()
  }
}
