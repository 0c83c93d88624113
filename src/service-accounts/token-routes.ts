import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import { checkScopes } from '../../packages/guard/src/checks.ts'
import type { ReservedScope } from '../../packages/guard/src/reserved-scopes.ts'
import { ifMatch, withTag } from '../http/entity-tag.ts'
import { page } from '../http/paging.ts'
import { sendRevoked } from '../http/progress.ts'
import type { Catalogue } from '../scopes/catalogue.ts'
import { listFilter } from '../tokens/list.ts'
import { newToken } from '../tokens/request.ts'
import { tokenTag, toToken } from '../tokens/schemas.ts'
import type { ListedToken } from '../tokens/token.entity.ts'
import type { Tokens } from '../tokens/tokens.ts'
import type { Usage } from '../tokens/usage.ts'
import { toUser } from '../users/schemas.ts'
import { type AccountOwner, assertEnabled } from './owner.ts'
import { tokenSchemas } from './token-schemas.ts'

export interface AccountTokenOptions {
  tokens: Tokens
  usage: Usage
  catalogue: Pick<Catalogue, 'unknown' | 'inherit'>
}

/** Who uses the routes: administrators, or the people who look after an account. */
export interface AccountTokenUsers {
  read: ReservedScope
  write: ReservedScope
  /** `admin`: the operations are named and listed as administration. */
  as: 'admin' | 'maintainer'
  /** @throws 404 for an account that the request may not see */
  ownerOf(request: FastifyRequest, id: string): Promise<AccountOwner>
}

/** The routes of a service account's tokens, the same for administrators and maintainers. */
export function accountTokenRoutes(
  { tokens, usage, catalogue }: AccountTokenOptions,
  { read, write, as, ownerOf }: AccountTokenUsers,
): FastifyPluginAsyncTypebox {
  const schemas = tokenSchemas(as)
  const mayRead = checkScopes(read)
  const mayWrite = { config: { needsFreshSignIn: true }, preValidation: checkScopes(write) }
  const show = (token: ListedToken) => toToken(catalogue, token, usage.lastUse(token))

  return async app => {
    const path = '/service-accounts/:id/tokens'

    app.get(path, { preValidation: mayRead, schema: schemas.list }, async request => {
      const { account } = await ownerOf(request, request.params.id)
      const filter = listFilter(request.query)
      return page(request.query, pageRequest => tokens.list(account.id, { ...pageRequest, ...filter }), show)
    })

    app.post(path, { ...mayWrite, schema: schemas.issue }, async (request, reply) => {
      const { account, limits, assertMayGrant } = await ownerOf(request, request.params.id)
      assertEnabled(account)
      assertMayGrant(request.body.scopes ?? [])
      const issued = await tokens.issuePersonal({ ...newToken(request.body), user: account, ...limits })
      reply.code(201)
      return { token: issued.plainText, data: toToken(catalogue, issued.token), user: toUser(account) }
    })

    app.get(`${path}/:token_id`, { preValidation: mayRead, schema: schemas.get }, async (request, reply) => {
      const { account } = await ownerOf(request, request.params.id)
      const token = await tokens.find(account.id, request.params.token_id)
      withTag(reply, tokenTag(token))
      return { data: { ...show(token), issued_tokens: await tokens.countIssued(token.id) } }
    })

    app.patch(`${path}/:token_id`, { ...mayWrite, schema: schemas.change }, async (request, reply) => {
      const { account, limits, assertMayGrant } = await ownerOf(request, request.params.id)
      const { issuingToken, authorize } = limits
      const { params, body } = request
      const before = body.suspended === false ? await tokens.find(account.id, params.token_id) : undefined
      assertMayGrant(body.scopes ?? (before?.suspended ? before.scopes : []))
      const unchanged = ifMatch(request, tokenTag)
      const token = await tokens.change(account, params.token_id, body, issuingToken, unchanged, authorize)
      withTag(reply, tokenTag(token))
      return { data: show(token) }
    })

    app.post(`${path}/:token_id/rotate`, { ...mayWrite, schema: schemas.rotate }, async (request, reply) => {
      const { account, limits, assertMayGrant } = await ownerOf(request, request.params.id)
      assertEnabled(account)
      const before = await tokens.find(account.id, request.params.token_id)
      assertMayGrant(before.scopes)
      const issued = await tokens.rotate(account, before.id, { overlapSeconds: request.body?.overlap, ...limits })
      reply.code(201)
      return { token: issued.plainText, data: toToken(catalogue, issued.token), user: toUser(account) }
    })

    app.delete(`${path}/:token_id`, { ...mayWrite, schema: schemas.revoke }, async (request, reply) => {
      const { account } = await ownerOf(request, request.params.id)
      return sendRevoked(reply, await tokens.revoke(account.id, request.params.token_id))
    })
  }
}
