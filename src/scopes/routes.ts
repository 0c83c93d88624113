import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { Named } from '../http/schemas.ts'
import type { Catalogue } from './catalogue.ts'

const ScopeSchema = Named(
  'Scope',
  Type.Object({
    id: Type.String(),
    description: Type.String(),
    default: Type.Boolean({ description: 'Granted when a request for a token names no scopes' }),
    resource: Type.Optional(
      Type.String({ description: 'The API that the scope belongs to: a token with the scope gets that audience' }),
    ),
  }),
)

export function scopeRoutes(catalogue: Catalogue): FastifyPluginAsyncTypebox {
  return async app => {
    app.get(
      '/scopes',
      {
        schema: {
          operationId: 'listScopes',
          summary: 'List the scopes',
          description: 'Every scope of this deployment, in the order of its catalogue.',
          tags: ['Scopes'],
          response: {
            200: Type.Array(ScopeSchema, {
              examples: [[{ id: 'orders:read', description: 'Read orders', default: true }]],
            }),
          },
        },
      },
      async () => [...catalogue.scopes],
    )
  }
}
