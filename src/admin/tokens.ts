import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { type Static, Type } from 'typebox'
import { checkScopes } from '../../packages/guard/src/checks.ts'
import { tokenOf } from '../../packages/guard/src/token-of.ts'
import { invalid, notFound } from '../errors/errors.ts'
import { PageOf, type PageRequest, page, paging, searchFor, sortBy } from '../http/paging.ts'
import { sendRevoked } from '../http/progress.ts'
import { closed, problem, validationProblem } from '../http/schemas.ts'
import { parseOptionalDateTime } from '../http/time.ts'
import type { Keys } from '../keys/keys.ts'
import { normalKid } from '../keys/kid.ts'
import { signedIds } from '../keys/revocation.ts'
import { unfinishedWith } from '../operations/schemas.ts'
import { IN_REQUEST, sendUnfinished } from '../operations/send.ts'
import type { Catalogue } from '../scopes/catalogue.ts'
import { isUuid } from '../text/uuid.ts'
import type { BulkFilter, TokenAdmin } from '../tokens/bulk.ts'
import type { HandOver } from '../tokens/handover.ts'
import { ALL_SORTS } from '../tokens/list-all.ts'
import { issuedTokens, ListStateSchema, revokedResponse, revokedWithIssued, toToken } from '../tokens/schemas.ts'
import type { AccessToken, ShownToken } from '../tokens/token.entity.ts'
import type { Usage } from '../tokens/usage.ts'
import { applicationAwayProblem } from '../users/schemas.ts'
import type { ShowUserId, UserIds } from '../users/user-ids.ts'
import { filterFields, HandOverToken, Id, ManagedToken, RevokeTokens } from './schemas.ts'

const tags = ['Administration']
const unknownToken = problem('There is no such token')

export interface AdminTokensOptions {
  tokenAdmin: TokenAdmin
  usage: Usage
  catalogue: Pick<Catalogue, 'unknown'>
  keys: Keys
  userIds: UserIds
  handOver: HandOver
}

const adminListTokensSchema = {
  operationId: 'adminListTokens',
  summary: 'List the tokens of all users',
  description: 'Newest first unless sorted otherwise. A token must match all conditions.',
  tags,
  querystring: Type.Object(
    {
      ...paging,
      ...filterFields,
      state: ListStateSchema,
      search: searchFor('the name, of the name or the e-mail address of the owner, or of the name of the client'),
      sort: sortBy(ALL_SORTS, '-created_at'),
    },
    closed,
  ),
  response: { 200: PageOf(ManagedToken), 422: validationProblem },
}

const adminGetTokenSchema = {
  operationId: 'adminGetToken',
  summary: 'Get a token of any user',
  tags,
  params: Id('token'),
  response: {
    200: Type.Object({ data: Type.Object({ ...ManagedToken.properties, ...issuedTokens }) }),
    404: unknownToken,
  },
}

const adminRevokeTokenSchema = {
  operationId: 'adminRevokeToken',
  summary: 'Revoke a token of any user',
  description: 'With the token of an app, all tokens of that authorization are revoked, so the app cannot refresh it.',
  tags,
  params: Id('token'),
  response: { 200: revokedWithIssued, 204: revokedResponse, 404: unknownToken },
}

const adminHandOverTokenSchema = {
  operationId: 'adminHandOverToken',
  summary: 'Hand a token over to another owner',
  description:
    'For a personal access token whose owner leaves. The new owner is a user or a service account. An opaque token keeps its ' +
    'text and works on for the new owner. A handover revives it for whoever kept a copy, such as a former owner who was disabled: rotate it. A JWT names its user, so it is revoked and the response contains the token that ' +
    'replaces it. Scopes that the new owner may not have are dropped. Tokens that were exchanged for it are revoked. A ' +
    'disabled owner’s token can be handed over, too.',
  tags,
  params: Id('token'),
  body: HandOverToken,
  response: {
    200: Type.Object({
      token: Type.Optional(
        Type.String({ description: 'The plain text of the token that replaces a JWT. Shown once.' }),
      ),
      data: ManagedToken,
      dropped_scopes: Type.Array(Type.String({ examples: ['admin:read'] })),
    }),
    404: problem('There is no such personal access token'),
    409: problem('The token has ended, is suspended or was replaced, or the new owner is disabled'),
    422: validationProblem,
    503: applicationAwayProblem,
  },
}

const adminRevokeTokensSchema = {
  operationId: 'adminRevokeTokens',
  summary: 'Revoke many tokens',
  description:
    'Revokes every live token that matches all conditions; with `dry_run`, only counts them. An app whose token is revoked ' +
    'by user, client, scope or creation cannot refresh it; one whose token has expired can, until the user signs out ' +
    'everywhere or the client is revoked. If there are more than ' +
    'one request can revoke, the response is 202: the counted tokens are revoked; repeat the request until the ' +
    'response is 200 to revoke the others.',
  tags,
  body: RevokeTokens,
  response: {
    200: Type.Object({
      data: Type.Object({ count: Type.Integer({ examples: [3] }), dry_run: Type.Boolean() }),
    }),
    202: unfinishedWith({
      data: Type.Object({
        count: Type.Integer({ examples: [90_000], description: 'Revoked by this request' }),
        dry_run: Type.Boolean({ examples: [false] }),
        complete: Type.Literal(false),
      }),
    }),
    422: validationProblem,
  },
}

export function adminTokens(options: AdminTokensOptions): FastifyPluginAsyncTypebox {
  const { tokenAdmin, handOver, usage, catalogue, userIds } = options
  const show = (token: ShownToken, shown: ShowUserId) => ({
    ...toToken(catalogue, token, usage.lastUse(token)),
    user_id: shown(token.user),
  })

  async function find(id: string): Promise<AccessToken> {
    const token = isUuid(id) ? await tokenAdmin.find(id) : undefined
    if (!token) throw notFound('token')
    return token
  }

  return async app => {
    app.get(
      '/tokens',
      { preValidation: checkScopes('admin:read'), schema: adminListTokensSchema },
      async ({ query }) => {
        const { state, search, sort } = query
        let shown: ShowUserId = row => row
        const fetch = async (pageRequest: PageRequest) => {
          const filter = await toBulkFilter(query, options)
          const found = await tokenAdmin.list(filter, { ...pageRequest, state, search, sort })
          shown = await userIds.shown(found.map(({ user }) => user))
          return found
        }
        return page(query, fetch, token => show(token, shown))
      },
    )

    app.get(
      '/tokens/:id',
      { preValidation: checkScopes('admin:read'), schema: adminGetTokenSchema },
      async ({ params }) => {
        const token = await find(params.id)
        const shown = await userIds.shown([token.user])
        return { data: { ...show(token, shown), issued_tokens: await tokenAdmin.countIssued(token.id) } }
      },
    )

    app.delete(
      '/tokens/:id',
      { preValidation: checkScopes('admin:write'), schema: adminRevokeTokenSchema },
      async ({ params }, reply) => {
        return sendRevoked(reply, await tokenAdmin.revokeOne((await find(params.id)).id))
      },
    )

    app.post(
      '/tokens/:id/handover',
      { preValidation: checkScopes('admin:write'), schema: adminHandOverTokenSchema },
      async request => {
        const { params, body } = request
        const owner = await userIds.rowOf(body.user_id)
        const { token, plainText, droppedScopes } = await handOver(params.id, owner, tokenOf(request))
        const data = show(token, await userIds.shown([token.user]))
        return { ...(plainText && { token: plainText }), data, dropped_scopes: droppedScopes }
      },
    )

    app.post(
      '/tokens/revoke',
      { preValidation: checkScopes('admin:write'), schema: adminRevokeTokensSchema },
      async ({ body }, reply) => {
        const { dry_run = false } = body
        const chosen = await toBulkFilter(body, options)
        if (dry_run) return { data: { count: await tokenAdmin.count(chosen), dry_run } }
        const { count, complete, operation } = await tokenAdmin.revoke(chosen, IN_REQUEST)
        if (complete) return { data: { count, dry_run } }
        return sendUnfinished(reply, { data: { count, dry_run, complete } }, operation)
      },
    )
  }
}

type FilterFields = Omit<Static<typeof RevokeTokens>, 'dry_run'>

async function toBulkFilter(
  fields: FilterFields,
  { keys, userIds }: Pick<AdminTokensOptions, 'keys' | 'userIds'>,
): Promise<BulkFilter> {
  const { user_id, client_id, scope, created_before, made_before, unused_since, key_id } = fields
  if (created_before !== undefined && made_before !== undefined)
    throw invalid({ path: 'made_before', message: 'is another name of created_before: send one of them' })
  return {
    userId: user_id === undefined ? undefined : await userIds.rowOf(user_id),
    clientId: client_id,
    scope,
    createdBefore:
      parseOptionalDateTime('created_before', created_before) ?? parseOptionalDateTime('made_before', made_before),
    unusedSince: parseOptionalDateTime('unused_since', unused_since),
    neverUsed: fields.never_used,
    expiresBefore: parseOptionalDateTime('expires_before', fields.expires_before),
    signed: key_id === undefined ? undefined : await signedBy(key_id, keys),
  }
}

async function signedBy(kid: string, keys: Keys): Promise<readonly [string, string]> {
  const key = (await keys.list()).find(({ id }) => id === normalKid(kid))
  if (!key) throw invalid({ path: 'key_id', message: 'must be the id of a signing key' })
  return signedIds(key) ?? NO_IDS
}

/** An empty range. */
const NO_IDS = ['ffffffff-ffff-ffff-ffff-ffffffffffff', '00000000-0000-0000-0000-000000000000'] as const
