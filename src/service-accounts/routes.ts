import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { checkScopes } from '../../packages/guard/src/checks.ts'
import { tokenOf } from '../../packages/guard/src/token-of.ts'
import { PageOf, page, paging } from '../http/paging.ts'
import { closed, problem, validationProblem } from '../http/schemas.ts'
import { ownerOf } from '../users/routes.ts'
import type { ServiceAccounts } from './accounts.ts'
import { asMaintainer } from './owner.ts'
import { AccountParams, AccountSchema, toAccount } from './schemas.ts'
import { type AccountTokenOptions, accountTokenRoutes } from './token-routes.ts'

export interface ServiceAccountRoutesOptions extends AccountTokenOptions {
  serviceAccounts: ServiceAccounts
}

const tags = ['Service accounts']

/** Service accounts for the people who look after them, below /api. Those of others are 404. */
export function serviceAccountRoutes(options: ServiceAccountRoutesOptions): FastifyPluginAsyncTypebox {
  const { serviceAccounts } = options
  const mayRead = checkScopes('tokens:read')

  return async app => {
    app.get(
      '/service-accounts',
      {
        preValidation: mayRead,
        schema: {
          operationId: 'listServiceAccounts',
          summary: 'List the service accounts that you look after',
          tags,
          querystring: Type.Object(paging, closed),
          response: { 200: PageOf(AccountSchema), 422: validationProblem },
        },
      },
      async request => {
        const maintainer = ownerOf(request)
        return page(request.query, pageRequest => serviceAccounts.list({ ...pageRequest, maintainer }), toAccount)
      },
    )

    app.get(
      '/service-accounts/:id',
      {
        preValidation: mayRead,
        schema: {
          operationId: 'getServiceAccount',
          summary: 'Get a service account that you look after',
          tags,
          params: AccountParams,
          response: {
            200: Type.Object({ data: AccountSchema }),
            404: problem('There is no such service account, or the user does not look after it'),
          },
        },
      },
      async request => ({ data: toAccount(await serviceAccounts.find(request.params.id, ownerOf(request))) }),
    )

    await app.register(
      accountTokenRoutes(options, {
        read: 'tokens:read',
        write: 'tokens:write',
        as: 'maintainer',
        ownerOf: (request, id) => asMaintainer(options, id, ownerOf(request), tokenOf(request)),
      }),
    )
  }
}
