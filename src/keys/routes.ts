import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { Named } from '../http/schemas.ts'
import type { Keys } from './keys.ts'
import { JWKS_MAX_AGE } from './schedule.ts'

const Jwk = Named(
  'Jwk',
  Type.Object(
    { kty: Type.String(), kid: Type.String(), alg: Type.String(), use: Type.String() },
    {
      additionalProperties: Type.String(),
      examples: [
        {
          kty: 'EC',
          crv: 'P-256',
          x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU',
          y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0',
          kid: 'post_01939f4e-8a4c-7b60-b5a4-6f6d5c3f2a13',
          alg: 'ES256',
          use: 'sig',
        },
      ],
    },
  ),
)

export function keyRoutes(keys: Keys): FastifyPluginAsyncTypebox {
  return async app => {
    app.get(
      '/.well-known/jwks.json',
      {
        schema: {
          operationId: 'getJwks',
          summary: 'Get the public keys',
          description: 'The JWK Set (RFC 7517) to verify tokens with: the next, the current and past keys.',
          tags: ['Keys'],
          response: { 200: Type.Object({ keys: Type.Array(Jwk) }) },
        },
      },
      async (_request, reply) => {
        reply.header('cache-control', `public, max-age=${JWKS_MAX_AGE}`)
        return (await keys.jwks()) as never
      },
    )
  }
}
