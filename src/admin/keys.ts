import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { checkScopes } from '../../packages/guard/src/checks.ts'
import { ALGORITHMS } from '../config/config.ts'
import { closed, Nullable, problem, validationProblem } from '../http/schemas.ts'
import type { Keys } from '../keys/keys.ts'
import { JWKS_MAX_AGE } from '../keys/schedule.ts'
import { unfinishedWith } from '../operations/schemas.ts'
import { IN_REQUEST, sendUnfinished } from '../operations/send.ts'
import type { TokenAdmin } from '../tokens/bulk.ts'
import { revokeKey } from './revoke-key.ts'
import { Id, ManagedKey, toKey } from './schemas.ts'

const tags = ['Administration']

const RotateKeys = Type.Object(
  {
    algorithm: Type.Optional(
      Type.Enum([...ALGORITHMS], {
        description: 'Default: the algorithm of a scheduled key, or `SIGNING_ALGORITHM`',
      }),
    ),
    now: Type.Optional(
      Type.Boolean({
        default: false,
        description:
          'Activate the key immediately, in an emergency. Verifiers that cache the JWK Set may reject new tokens until ' +
          `their copy expires, for up to ${JWKS_MAX_AGE / 60} minutes, or longer behind other caches.`,
      }),
    ),
  },
  { ...closed, examples: [{ algorithm: 'EdDSA' }, { now: true }] },
)

const RevokedKey = {
  data: ManagedKey,
  tokens: Type.Object({
    revoked: Type.Integer({ examples: [3], description: 'The number of tokens that this request revoked' }),
    complete: Type.Boolean({ description: '`false`: send the request again to revoke the others' }),
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
          summary: 'Rotate the signing key',
          description:
            'The next key becomes active as soon as every cached JWK Set contains it: immediately, or at `signs_from` of ' +
            'the response. Repeating the request while a key is scheduled changes nothing; with another `algorithm`, a ' +
            'new key replaces the scheduled one. The previous key verifies its tokens until they expire.',
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
            'For a key that may have been stolen. It is removed from the JWK Set, from guards that follow the event feed ' +
            'within a second, and from other guards when they next load the keys. The tokens that it signed are revoked; ' +
            '`GET /admin/tokens?key_id=…&state=all` lists them. If it is the active key, the next key replaces it ' +
            'immediately. This cannot be undone. The response is 202 if tokens are left: they are rejected already, and ' +
            'the operation of the response revokes them.',
          tags,
          params: Id('key'),
          response: {
            200: Type.Object(RevokedKey),
            202: unfinishedWith(RevokedKey),
            404: problem('There is no such key'),
          },
        },
      },
      async ({ params }, reply) => {
        const { key, tokens } = await revokeKey({ keys, tokenAdmin }, params.id, IN_REQUEST)
        const { count: revoked, complete, operation } = tokens
        const body = { data: toKey(key), tokens: { revoked, complete } }
        return complete ? body : sendUnfinished(reply, body, operation)
      },
    )
  }
}
