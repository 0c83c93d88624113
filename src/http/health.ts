import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import type { InvalidationBus } from '../cluster/invalidation-bus.ts'
import type { Database } from '../database/database.ts'
import { withTimeout } from '../database/timeout.ts'
import { misrouted } from '../errors/errors.ts'
import { problem } from './schemas.ts'

const Healthy = Type.Object({ status: Type.Literal('ok') })

/** Milliseconds: whoever asks gives up soon and takes no answer for a no. */
const READY_MS = 1_000

/**
 * Asks whether the server can write, without writing. It fails as a write would, so that the pool drops the connection.
 * During recovery `transaction_read_only` is on too.
 */
const CAN_WRITE = `do $$ begin
  if current_setting('transaction_read_only')::boolean then
    raise exception 'the database can only be read' using errcode = 'read_only_sql_transaction';
  end if;
end $$`

/** One check for all that ask at once: those of a database that hangs must not take up its connections. */
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
          summary: 'Whether the process answers',
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
          summary: 'Whether the process can serve requests, which takes a database that it can write to',
          tags: ['Health'],
          response: {
            200: Healthy,
            503: problem(
              'The database does not answer within a second or can only be read, or DATABASE_LISTEN_URL does not let ' +
                'this node hear the others',
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
