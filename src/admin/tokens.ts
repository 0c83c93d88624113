import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { type Static, Type } from 'typebox'
import { checkScopes } from '../../packages/guard/src/checks.ts'
import { REQUEST_BUDGET_MS } from '../database/run-batches.ts'
import { invalid, notFound } from '../errors/errors.ts'
import { PageOf, page, paging } from '../http/paging.ts'
import { sendRevoked } from '../http/progress.ts'
import { closed, problem, validationProblem } from '../http/schemas.ts'
import { parseOptionalDateTime } from '../http/time.ts'
import type { Keys } from '../keys/keys.ts'
import { signedIds } from '../keys/revocation.ts'
import type { Catalogue } from '../scopes/catalogue.ts'
import { isUuid } from '../text/uuid.ts'
import type { BulkFilter, TokenAdmin } from '../tokens/bulk.ts'
import type { RevokeToken } from '../tokens/revoke-batch.ts'
import { revokedResponse, revokedWithIssued, toToken } from '../tokens/schemas.ts'
import type { AccessToken } from '../tokens/token.entity.ts'
import type { Usage } from '../tokens/usage.ts'
import { Id, ManagedToken, RevokeTokens, selector } from './schemas.ts'

const tags = ['Administration']
const unknownToken = problem('There is no such token')

export interface AdminTokensOptions {
  tokenAdmin: TokenAdmin
  revokeToken: RevokeToken
  usage: Usage
  catalogue: Pick<Catalogue, 'unknown'>
  keys: Keys
}

const adminListTokensSchema = {
  operationId: 'adminListTokens',
  summary: 'List the tokens of everybody',
  description: 'Newest first; all conditions must hold.',
  tags,
  querystring: Type.Object(
    { ...paging, ...selector, state: Type.Optional(Type.Enum(['live', 'all'], { default: 'live' })) },
    closed,
  ),
  response: { 200: PageOf(ManagedToken), 422: validationProblem },
}

const adminGetTokenSchema = {
  operationId: 'adminGetToken',
  summary: 'Get a token of anybody',
  tags,
  params: Id('token'),
  response: { 200: Type.Object({ data: ManagedToken }), 404: unknownToken },
}

const adminRevokeTokenSchema = {
  operationId: 'adminRevokeToken',
  summary: 'Revoke a token of anybody',
  tags,
  params: Id('token'),
  response: { 200: revokedWithIssued, 204: revokedResponse, 404: unknownToken },
}

const adminRevokeTokensSchema = {
  operationId: 'adminRevokeTokens',
  summary: 'Revoke many tokens',
  description:
    'Every live token for which all conditions hold; with `dry_run` only their number is told. Where there are ' +
    'more than can be revoked while a connection waits, the answer is 202: those it counts are revoked, and ' +
    'the same request, sent again until it answers 200, goes on with the others.',
  tags,
  body: RevokeTokens,
  response: {
    200: Type.Object({
      data: Type.Object({ count: Type.Integer({ examples: [3] }), dry_run: Type.Boolean() }),
    }),
    202: {
      ...Type.Object({
        data: Type.Object({
          count: Type.Integer({ examples: [90_000], description: 'Revoked by this request' }),
          dry_run: Type.Boolean({ examples: [false] }),
          complete: Type.Literal(false, { description: 'Send the request again for the others' }),
        }),
      }),
      description: 'Not all of them are revoked yet',
    },
    422: validationProblem,
  },
}

export function adminTokens(options: AdminTokensOptions): FastifyPluginAsyncTypebox {
  const { tokenAdmin, revokeToken, usage, catalogue, keys } = options
  const show = (token: AccessToken) => ({ ...toToken(catalogue, token, usage.lastUse(token)), user_id: token.user })

  async function find(id: string): Promise<AccessToken> {
    const token = isUuid(id) ? await tokenAdmin.find(id) : undefined
    if (!token) throw notFound('token')
    return token
  }

  return async app => {
    app.get('/tokens', { preValidation: checkScopes('admin:read'), schema: adminListTokensSchema }, async ({ query }) =>
      page(
        query,
        async pageRequest =>
          tokenAdmin.list(await toSelector(query, keys), { ...pageRequest, all: query.state === 'all' }),
        show,
      ),
    )

    app.get(
      '/tokens/:id',
      { preValidation: checkScopes('admin:read'), schema: adminGetTokenSchema },
      async ({ params }) => ({ data: show(await find(params.id)) }),
    )

    app.delete(
      '/tokens/:id',
      { preValidation: checkScopes('admin:write'), schema: adminRevokeTokenSchema },
      async ({ params }, reply) => {
        return sendRevoked(reply, await revokeToken((await find(params.id)).id))
      },
    )

    app.post(
      '/tokens/revoke',
      { preValidation: checkScopes('admin:write'), schema: adminRevokeTokensSchema },
      async ({ body }, reply) => {
        const { dry_run = false } = body
        const chosen = await toSelector(body, keys)
        if (dry_run) return { data: { count: await tokenAdmin.count(chosen), dry_run } }
        const { count, complete } = await tokenAdmin.revoke(chosen, REQUEST_BUDGET_MS)
        if (complete) return { data: { count, dry_run } }
        return reply.code(202).send({ data: { count, dry_run, complete } })
      },
    )
  }
}

type Sent = Omit<Static<typeof RevokeTokens>, 'dry_run'>

async function toSelector(sent: Sent, keys: Keys): Promise<BulkFilter> {
  const { user_id, client_id, scope, made_before, unused_since, key_id } = sent
  return {
    userId: user_id,
    clientId: client_id,
    scope,
    madeBefore: parseOptionalDateTime('made_before', made_before),
    unusedSince: parseOptionalDateTime('unused_since', unused_since),
    signed: key_id === undefined ? undefined : await signedBy(key_id, keys),
  }
}

async function signedBy(kid: string, keys: Keys): Promise<readonly [string, string]> {
  const key = (await keys.list()).find(({ id }) => id === kid.toLowerCase())
  if (!key) throw invalid({ path: 'key_id', message: 'must be the id of a signing key' })
  return signedIds(key) ?? NO_IDS
}

/** An empty range. */
const NO_IDS = ['ffffffff-ffff-ffff-ffff-ffffffffffff', '00000000-0000-0000-0000-000000000000'] as const
