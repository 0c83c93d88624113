import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { notFound } from '../errors/errors.ts'
import { problem, TOKEN_EXAMPLE } from '../http/schemas.ts'
import type { StatusLists } from './lists.ts'

export const STATUS_LIST_TYPE = 'application/statuslist+jwt'

/** The status lists (draft-ietf-oauth-status-list §8): public, and cacheable by any cache. */
export function statusListRoutes(lists: StatusLists): FastifyPluginAsyncTypebox {
  return async app => {
    app.get(
      '/status-lists/:id',
      {
        schema: {
          operationId: 'getStatusList',
          summary: 'Get a status list',
          description:
            'The signed statuses of many tokens, two bits each: 0 valid, 1 revoked, 2 suspended, 3 changed (introspect the token).',
          tags: ['Revocation'],
          params: Type.Object({ id: Type.String({ examples: ['1'] }) }),
          response: {
            200: {
              description: 'A Status List Token',
              content: { [STATUS_LIST_TYPE]: { schema: Type.String({ examples: [TOKEN_EXAMPLE] }) } },
            },
            304: Type.Null({ description: 'Unchanged' }),
            404: problem('There is no such list, or all of its tokens have expired'),
          },
        },
      },
      async (request, reply) => {
        const { id } = request.params
        const list = /^[1-9]\d{0,8}$/.test(id) ? await lists.signed(Number(id)) : undefined
        if (!list) throw notFound('status list')
        reply.headers({ etag: list.etag, 'cache-control': `public, max-age=${list.ttl}`, vary: 'accept-encoding' })
        if (request.headers['if-none-match'] === list.etag) return reply.code(304).send(null)
        return reply.type(STATUS_LIST_TYPE).send(list.jwt as never)
      },
    )

    app.get(
      '/status-lists',
      {
        schema: {
          operationId: 'listStatusLists',
          summary: 'List the status lists',
          description: 'Their URIs (draft-ietf-oauth-status-list §9).',
          tags: ['Revocation'],
          response: { 200: Type.Object({ status_lists: Type.Array(Type.String({ format: 'uri' })) }) },
        },
      },
      async (_request, reply) => {
        reply.header('cache-control', 'public, max-age=60')
        return { status_lists: await lists.uris() }
      },
    )
  }
}
