import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import type { Database } from '../database.ts'
import { problem } from './schemas.ts'

const Healthy = Type.Object({ status: Type.Literal('ok') })

export function healthRoutes(db: Database): FastifyPluginAsyncTypebox {
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
          response: { 200: Healthy, 503: problem('The database does not answer') },
        },
      },
      async () => {
        await db.query('select 1')
        return { status: 'ok' as const }
      },
    )
  }
}
