import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { checkScopes } from '../../packages/guard/src/checks.ts'
import { tokenOf } from '../../packages/guard/src/token-of.ts'
import { ifMatch, withTag } from '../http/entity-tag.ts'
import { PageOf, page, paging } from '../http/paging.ts'
import { closed, problem, validationProblem } from '../http/schemas.ts'
import { asAdministrator } from './owner.ts'
import type { ServiceAccountRoutesOptions } from './routes.ts'
import {
  AccountParams,
  AccountSchema,
  accountTag,
  ChangeAccount,
  CreateAccount,
  MaintainerParams,
  toAccount,
} from './schemas.ts'
import { accountTokenRoutes } from './token-routes.ts'

const tags = ['Administration']
const AccountResponse = Type.Object({ data: AccountSchema })
const unknownAccount = problem('There is no such service account')
const one = { tags, params: AccountParams, response: { 200: AccountResponse, 404: unknownAccount } }

const schemas = {
  list: {
    operationId: 'adminListServiceAccounts',
    summary: 'List the service accounts',
    tags,
    querystring: Type.Object(
      { ...paging, search: Type.Optional(Type.String({ maxLength: 255, description: 'Part of the name' })) },
      closed,
    ),
    response: { 200: PageOf(AccountSchema), 422: validationProblem },
  },
  create: {
    operationId: 'adminCreateServiceAccount',
    summary: 'Create a service account',
    description: 'An owner of tokens that is no person: it cannot sign in, and people look after it.',
    tags,
    body: CreateAccount,
    response: { 201: AccountResponse, 422: validationProblem },
  },
  get: { ...one, operationId: 'adminGetServiceAccount', summary: 'Get a service account' },
  change: {
    operationId: 'adminChangeServiceAccount',
    summary: 'Change a service account',
    description: 'Tokens that exist lose scopes that `allowed_scopes` or the role no longer allows at once.',
    tags,
    params: AccountParams,
    body: ChangeAccount,
    response: { 200: AccountResponse, 404: unknownAccount, 422: validationProblem },
  },
  enable: { ...one, operationId: 'adminEnableServiceAccount', summary: 'Enable a service account' },
  disable: {
    ...one,
    operationId: 'adminDisableServiceAccount',
    summary: 'Disable a service account',
    description: 'Its tokens are rejected from the next request on, until it is enabled.',
  },
  addMaintainer: {
    operationId: 'adminAddMaintainer',
    summary: 'Let a person look after a service account',
    description: 'Somebody who looks after it already stays.',
    tags,
    params: MaintainerParams,
    response: { 200: AccountResponse, 404: unknownAccount, 422: validationProblem },
  },
  removeMaintainer: {
    operationId: 'adminRemoveMaintainer',
    summary: 'Let a person no longer look after a service account',
    description: 'The person loses access to its tokens at once. The tokens stay.',
    tags,
    params: MaintainerParams,
    response: {
      200: AccountResponse,
      404: problem('There is no such service account, or the person does not look after it'),
      409: problem('Nobody else who is enabled looks after it'),
    },
  },
}

/** All service accounts, for administrators, below /admin. */
export function adminServiceAccounts(options: ServiceAccountRoutesOptions): FastifyPluginAsyncTypebox {
  const { serviceAccounts: accounts } = options
  const mayRead = { preValidation: checkScopes('admin:read') }
  const mayWrite = { preValidation: checkScopes('admin:write') }
  const path = '/service-accounts'

  return async app => {
    app.get(path, { ...mayRead, schema: schemas.list }, async ({ query }) =>
      page(query, pageRequest => accounts.list({ ...pageRequest, search: query.search }), toAccount),
    )

    app.post(path, { ...mayWrite, schema: schemas.create }, async ({ body }, reply) => {
      const { allowed_scopes: allowedScopes, ...fields } = body
      return reply.code(201).send({ data: toAccount(await accounts.create({ ...fields, allowedScopes })) })
    })

    app.get(`${path}/:id`, { ...mayRead, schema: schemas.get }, async ({ params }, reply) => {
      const account = await accounts.find(params.id)
      withTag(reply, accountTag(account))
      return { data: toAccount(account) }
    })

    app.patch(`${path}/:id`, { ...mayWrite, schema: schemas.change }, async (request, reply) => {
      const { allowed_scopes: allowedScopes, ...fields } = request.body
      const unchanged = ifMatch(request, accountTag)
      const account = await accounts.update(request.params.id, { ...fields, allowedScopes }, unchanged)
      withTag(reply, accountTag(account))
      return { data: toAccount(account) }
    })

    for (const act of ['disable', 'enable'] as const) {
      app.post(`${path}/:id/${act}`, { ...mayWrite, schema: schemas[act] }, async ({ params }) => ({
        data: toAccount(await accounts[act](params.id)),
      }))
    }

    app.put(`${path}/:id/maintainers/:user_id`, { ...mayWrite, schema: schemas.addMaintainer }, async ({ params }) => ({
      data: toAccount(await accounts.addMaintainer(params.id, params.user_id)),
    }))

    app.delete(
      `${path}/:id/maintainers/:user_id`,
      { ...mayWrite, schema: schemas.removeMaintainer },
      async ({ params }) => ({ data: toAccount(await accounts.removeMaintainer(params.id, params.user_id)) }),
    )

    await app.register(
      accountTokenRoutes(options, {
        read: 'admin:read',
        write: 'admin:write',
        as: 'admin',
        ownerOf: (request, id) => asAdministrator(accounts, id, tokenOf(request)),
      }),
    )
  }
}
