import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import type { Keys } from './keys.ts'

const Jwk = Type.Object(
  { kty: Type.String(), kid: Type.String(), alg: Type.String(), use: Type.String() },
  { additionalProperties: Type.String() },
)

export function keyRoutes(keys: Keys): FastifyPluginAsyncTypebox {
  return async app => {
    app.get(
      '/.well-known/jwks.json',
      {
        schema: {
          operationId: 'getJwks',
          summary: 'Get the public keys',
          description: 'The JWK Set (RFC 7517) that tokens are verified with: the next, the current and past keys.',
          tags: ['Keys'],
          response: { 200: Type.Object({ keys: Type.Array(Jwk) }) },
        },
      },
      async (_request, reply) => {
        reply.header('cache-control', 'public, max-age=300')
        return keys.jwks() as never
      },
    )
  }
}
