import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import type { InvalidationBus } from '../cluster/invalidation-bus.ts'
import type { Database } from '../database/database.ts'
import { withTimeout } from '../database/timeout.ts'
import { misrouted } from '../errors/errors.ts'
import { problem } from './schemas.ts'

const Healthy = Type.Object({ status: Type.Literal('ok') })

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

/** Concurrent probes share one check, so that probes of a hanging database do not use up its connections. */
function readiness(db: Database): () => Promise<void> {
  let checking: Promise<unknown> | undefined
  return async () => {
    checking ??= db.query(CAN_WRITE).finally(() => {
      checking = undefined
    })
    await withTimeout(checking, READY_MS)
  }
}

export function healthRoutes({ db, bus }: { db: Database; bus: InvalidationBus }): FastifyPluginAsyncTypebox {
  const requireWritable = readiness(db)
  return async app => {
    app.get(
      '/health/live',
      {
        schema: {
          operationId: 'live',
          summary: 'Check whether the process responds',
          tags: ['Health'],
          response: { 200: Healthy },
        },
      },
      async () => ({ status: 'ok' as const }),
    )
    app.get(
      '/health/ready',
      {
        schema: {
          operationId: 'ready',
          summary: 'Check whether the process can serve requests, which requires a writable database',
          tags: ['Health'],
          response: {
            200: Healthy,
            503: problem(
              'The database does not respond within a second or is read-only, or this node receives no notifications ' +
                'through DATABASE_LISTEN_URL',
            ),
          },
        },
      },
      async () => {
        await requireWritable()
        if (bus.misrouted) throw misrouted()
        return { status: 'ok' as const }
      },
    )
  }
}
