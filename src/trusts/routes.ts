import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { checkScopes } from '../../packages/guard/src/checks.ts'
import { tokenOf } from '../../packages/guard/src/token-of.ts'
import { ifMatch, withTag } from '../http/entity-tag.ts'
import { PageOf, page, paging } from '../http/paging.ts'
import { closed, problem, validationProblem } from '../http/schemas.ts'
import { ChangeTrust, CreateTrust, TrustSchema, toSettings, toTrust, trustTag } from './schemas.ts'
import type { TrustChange, Trusts } from './trusts.ts'

const tags = ['Administration']
const params = Type.Object({ id: Type.String({ examples: ['01939f4e-8a4c-7b60-b5a4-6f6d5c3f2a10'] }) })
const unknownTrust = problem('There is no such trust')
const Answer = Type.Object({ data: TrustSchema })
const Changed = Type.Object({
  data: TrustSchema,
  revoked: Type.Integer({ description: 'How many tokens were revoked with the change', examples: [3] }),
})

const schemas = {
  list: {
    operationId: 'adminListTrusts',
    summary: 'List the trusts',
    description: 'Which workloads get tokens by the OpenID Connect tokens of their issuers. Oldest first.',
    tags,
    querystring: Type.Object(paging, closed),
    response: { 200: PageOf(TrustSchema), 422: validationProblem },
  },
  create: {
    operationId: 'adminCreateTrust',
    summary: 'Trust a workload',
    description:
      'A workload whose token has this `iss` and `aud` and matches all claims gets a token with these scopes at `POST /oauth/token`, by token exchange with `subject_token_type=urn:ietf:params:oauth:token-type:jwt` and without client authentication. If several trusts match, the one with the most exact claims applies. Granting `admin:*` requires a token with that scope.',
    tags,
    body: CreateTrust,
    response: { 201: Answer, 422: validationProblem },
  },
  get: {
    operationId: 'adminGetTrust',
    summary: 'Get a trust',
    tags,
    params,
    response: { 200: Answer, 404: unknownTrust },
  },
  change: {
    operationId: 'adminChangeTrust',
    summary: 'Change a trust',
    description:
      'Unless only the name changes, the tokens that it issued are revoked, and the next use pins its claims anew. An empty object changes nothing. A trust that then grants `admin:*` requires a token with that scope, unless only the name changes.',
    tags,
    params,
    body: ChangeTrust,
    response: { 200: Changed, 404: unknownTrust, 422: validationProblem },
  },
  remove: {
    operationId: 'adminRemoveTrust',
    summary: 'Remove a trust',
    description: 'The tokens that it issued are revoked.',
    tags,
    params,
    response: { 200: Changed, 404: unknownTrust },
  },
}

/** The trusts of a deployment, for administrators. */
export function trustRoutes(trusts: Trusts): FastifyPluginAsyncTypebox {
  const mayRead = checkScopes('admin:read')
  const mayWrite = checkScopes('admin:write')
  const changed = ({ trust, revoked }: TrustChange) => ({ data: toTrust(trust), revoked })

  return async app => {
    app.get('/trusts', { preValidation: mayRead, schema: schemas.list }, ({ query }) =>
      page(query, trusts.list, toTrust),
    )

    app.post('/trusts', { preValidation: mayWrite, schema: schemas.create }, async (request, reply) =>
      reply.code(201).send({ data: toTrust(await trusts.create(toSettings(request.body), tokenOf(request))) }),
    )

    app.get('/trusts/:id', { preValidation: mayRead, schema: schemas.get }, async (request, reply) => {
      const trust = await trusts.find(request.params.id)
      withTag(reply, trustTag(trust))
      return { data: toTrust(trust) }
    })

    app.patch('/trusts/:id', { preValidation: mayWrite, schema: schemas.change }, async (request, reply) => {
      const settings = toSettings(request.body)
      const change = await trusts.update(request.params.id, settings, tokenOf(request), ifMatch(request, trustTag))
      withTag(reply, trustTag(change.trust))
      return changed(change)
    })

    app.delete('/trusts/:id', { preValidation: mayWrite, schema: schemas.remove }, async request =>
      changed(await trusts.remove(request.params.id)),
    )
  }
}
