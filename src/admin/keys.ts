import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { ALGORITHMS } from '../config.ts'
import { checkScopes } from '../guard/checks.ts'
import { closed, Nullable, validationProblem } from '../http/schemas.ts'
import type { Keys } from '../keys/keys.ts'
import { JWKS_MAX_AGE } from '../keys/schedule.ts'
import { ManagedKey, toKey } from './schemas.ts'

const tags = ['Administration']

const RotateKeys = Type.Object(
  {
    algorithm: Type.Optional(
      Type.Enum([...ALGORITHMS], {
        description: 'Default: that of the key that a rotation has scheduled, or `SIGNING_ALGORITHM`',
      }),
    ),
    now: Type.Optional(
      Type.Boolean({
        default: false,
        description:
          'Sign at once, in an emergency. Verifiers that cache the JWK Set may refuse new tokens until their copy ' +
          `expires, for up to ${JWKS_MAX_AGE / 60} minutes and longer behind other caches.`,
      }),
    ),
  },
  { ...closed, examples: [{ algorithm: 'EdDSA' }, { now: true }] },
)

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
          description:
            'A key signs once it has been published for so long that every cached JWK Set has it: at once, or from ' +
            '`signs_from` of the answer on. Sent again while a key waits, this changes nothing; another `algorithm` ' +
            'replaces the key that waits. The key that signed before goes on verifying while its tokens live.',
          tags,
          body: Type.Optional(Nullable(RotateKeys)),
          response: { 200: Type.Object({ data: ManagedKey }), 422: validationProblem },
        },
      },
      async ({ body }) => ({ data: toKey(await keys.rotate(body?.algorithm, { now: body?.now })) }),
    )
  }
}
