import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { checkScopes } from '../../packages/guard/src/checks.ts'
import { tokenOf } from '../../packages/guard/src/token-of.ts'
import { PageOf, page, paging } from '../http/paging.ts'
import { closed, Named, Nullable, noContent, problem, revokedMany, Time, validationProblem } from '../http/schemas.ts'
import { unfinished } from '../operations/schemas.ts'
import { IN_REQUEST, sendProgress } from '../operations/send.ts'
import { ownerOf } from '../users/routes.ts'
import type { Authorization, Authorizations } from './authorizations.ts'

const tags = ['Applications']

const AuthorizationSchema = Named(
  'Authorization',
  Type.Object({
    client: Type.Object({
      id: Type.String({ format: 'uuid' }),
      client_id: Type.String({
        description: 'The `client_id` of the protocol',
        examples: ['https://app.example.com/client.json'],
      }),
      name: Type.String({ examples: ['Order viewer'] }),
    }),
    scopes: Type.Array(Type.String({ examples: ['orders:read'] })),
    created_at: Time(),
    updated_at: Time(),
    last_used_at: Nullable(Time()),
  }),
)

const show = ({ clientId, metadataUrl, clientName, scopes, createdAt, updatedAt, lastUsedAt }: Authorization) => ({
  client: { id: clientId, client_id: metadataUrl ?? clientId, name: clientName },
  scopes,
  created_at: createdAt,
  updated_at: updatedAt,
  last_used_at: lastUsedAt,
})

const listAuthorizationsSchema = {
  operationId: 'listAuthorizations',
  summary: 'List the applications that you have authorized',
  description: 'With their scopes and when they last used a token.',
  tags,
  querystring: Type.Object(paging, closed),
  response: { 200: PageOf(AuthorizationSchema), 422: validationProblem },
}

const withdrawAuthorizationSchema = {
  operationId: 'withdrawAuthorization',
  summary: 'Withdraw the authorization of an application',
  description: 'Revokes its access and refresh tokens for you immediately.',
  tags,
  params: Type.Object({ client_id: Type.String({ description: 'Id of a client' }) }),
  response: {
    200: revokedMany,
    202: unfinished,
    204: noContent('Withdrawn'),
    404: problem('You have not authorized such an application'),
  },
}

/** The routes for the apps that a user has authorized. */
export function authorizationRoutes(authorizations: Authorizations): FastifyPluginAsyncTypebox {
  return async app => {
    app.get(
      '/authorizations',
      { preValidation: checkScopes('clients:read'), schema: listAuthorizationsSchema },
      async request => {
        const userId = ownerOf(request)
        return page(request.query, pageRequest => authorizations.list(userId, pageRequest), show)
      },
    )

    app.delete(
      '/authorizations/:client_id',
      { preValidation: checkScopes('clients:write'), schema: withdrawAuthorizationSchema },
      async (request, reply) => {
        const options = { ...IN_REQUEST, lastTokenId: tokenOf(request).id }
        return sendProgress(reply, await authorizations.withdraw(ownerOf(request), request.params.client_id, options))
      },
    )
  }
}
