import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import type { Readiness } from './readiness.ts'
import { problem } from './schemas.ts'

const Healthy = Type.Object({ status: Type.Literal('ok') })

export function healthRoutes(requireReady: Readiness): FastifyPluginAsyncTypebox {
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
        await requireReady()
        return { status: 'ok' as const }
      },
    )
  }
}
