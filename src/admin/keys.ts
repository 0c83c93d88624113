import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { checkScopes } from '../../packages/guard/src/checks.ts'
import { ALGORITHMS } from '../config/config.ts'
import { REQUEST_BUDGET_MS } from '../database/run-batches.ts'
import { closed, Nullable, problem, validationProblem } from '../http/schemas.ts'
import type { Keys } from '../keys/keys.ts'
import { JWKS_MAX_AGE } from '../keys/schedule.ts'
import type { TokenAdmin } from '../tokens/bulk.ts'
import { revokeKey } from './revoke-key.ts'
import { Id, ManagedKey, toKey } from './schemas.ts'

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

const RevokedKey = {
  data: ManagedKey,
  tokens: Type.Object({
    revoked: Type.Integer({ examples: [3], description: 'Tokens that were revoked by this request' }),
    complete: Type.Boolean({ description: '`false`: send the request again for the others' }),
  }),
}

export function adminKeys({ keys, tokenAdmin }: { keys: Keys; tokenAdmin: TokenAdmin }): FastifyPluginAsyncTypebox {
  return async app => {
    app.get(
      '/keys',
      {
        preValidation: checkScopes('admin:read'),
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
        preValidation: checkScopes('admin:write'),
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

    app.post(
      '/keys/:id/revoke',
      {
        preValidation: checkScopes('admin:write'),
        schema: {
          operationId: 'adminRevokeKey',
          summary: 'Revoke a signing key',
          description:
            'For a key that may be in other hands. It leaves the JWK Set, every guard that follows the events forgets it ' +
            'within a second and others when they next load the keys, and the signed tokens that were made while it ' +
            'signed are revoked: `GET /admin/tokens?key_id=…&state=all` lists them. If it is the key that signs, ' +
            'the next key signs at once. This cannot be undone. The answer is 202 while some tokens are left: they are ' +
            'refused already, and the same request, sent again until it answers 200, revokes the others.',
          tags,
          params: Id('key'),
          response: {
            200: Type.Object(RevokedKey),
            202: { ...Type.Object(RevokedKey), description: 'Not all of its tokens are revoked yet' },
            404: problem('There is no such key'),
          },
        },
      },
      async ({ params }, reply) => {
        const { key, tokens } = await revokeKey({ keys, tokenAdmin }, params.id, REQUEST_BUDGET_MS)
        const { count: revoked, complete } = tokens
        return reply.code(complete ? 200 : 202).send({ data: toKey(key), tokens: { revoked, complete } })
      },
    )
  }
}
