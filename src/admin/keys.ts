import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { ALGORITHMS } from '../config.ts'
import { checkScopes } from '../guard/checks.ts'
import { closed, Nullable, validationProblem } from '../http/schemas.ts'
import type { Keys } from '../keys/keys.ts'
import { ManagedKey, toKey } from './schemas.ts'

const tags = ['Administration']

export function adminKeys(keys: Keys): FastifyPluginAsyncTypebox {
  return async app => {
    app.get(
      '/keys',
      {
        preHandler: checkScopes('admin:read'),
        schema: {
          operationId: 'adminListKeys',
          summary: 'List the signing keys',
          tags,
          response: { 200: Type.Object({ data: Type.Array(ManagedKey) }) },
        },
      },
      async () => ({ data: (await keys.list()).map(toKey) }),
    )

    app.post(
      '/keys/rotate',
      {
        preHandler: checkScopes('admin:write'),
        schema: {
          operationId: 'adminRotateKeys',
          summary: 'Let the next key sign',
          description: 'The current one goes on verifying while its tokens live.',
          tags,
          body: Type.Optional(
            Nullable(
              Type.Object(
                { algorithm: Type.Optional(Type.Enum([...ALGORITHMS])) },
                { ...closed, examples: [{ algorithm: 'EdDSA' }] },
              ),
            ),
          ),
          response: { 200: Type.Object({ data: ManagedKey }), 422: validationProblem },
        },
      },
      async ({ body }) => ({ data: toKey(await keys.rotate(body?.algorithm)) }),
    )
  }
}
