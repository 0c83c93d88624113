import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import type { Changes } from '../changes/changes.ts'
import type { Database } from '../database.ts'
import { misrouted } from '../errors.ts'
import { problem } from './schemas.ts'

const Healthy = Type.Object({ status: Type.Literal('ok') })

export function healthRoutes({ db, changes }: { db: Database; changes: Changes }): FastifyPluginAsyncTypebox {
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
          summary: 'Whether the process can serve requests',
          tags: ['Health'],
          response: {
            200: Healthy,
            503: problem('The database does not answer, or DATABASE_LISTEN_URL does not let this node hear the others'),
          },
        },
      },
      async () => {
        await db.query('select 1')
        if (changes.misrouted) throw misrouted()
        return { status: 'ok' as const }
      },
    )
  }
}
