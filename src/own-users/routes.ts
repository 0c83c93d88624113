import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply } from 'fastify'
import { checkScopes } from '../../packages/guard/src/checks.ts'
import { tokenOf } from '../../packages/guard/src/token-of.ts'
import { sendRevoked } from '../http/progress.ts'
import { IN_REQUEST, sendProgress } from '../operations/send.ts'
import { assertMayGrant } from '../tokens/limits.ts'
import type { OwnUsers } from '../users/own-users.ts'
import { toManagedUser, toUser } from '../users/schemas.ts'
import type { User } from '../users/user.entity.ts'
import type { IssuedOwnToken, OwnTokens } from './own-tokens.ts'
import * as schemas from './schemas.ts'

export interface OwnUsersRoutesOptions {
  ownUsers: OwnUsers
  ownTokens: OwnTokens
}

const toManaged = (user: User) => ({ data: toManagedUser(user) })

const sendIssued = (reply: FastifyReply, { token, data, user }: IssuedOwnToken) =>
  reply.code(201).send({ token, data, user: toUser(user) })

/** The management API by the ids of an application, for backends with a user table of their own. */
export function ownUsersRoutes({ ownUsers, ownTokens }: OwnUsersRoutesOptions): FastifyPluginAsyncTypebox {
  const mayRead = checkScopes('admin:read')
  const mayWrite = checkScopes('admin:write')

  return async app => {
    app.get('/:subject', { preValidation: mayRead, schema: schemas.getUser }, async ({ params }) =>
      toManaged(await ownUsers.describe(await ownUsers.find(params.subject))),
    )

    app.delete('/:subject', { preValidation: mayWrite, schema: schemas.removeUser }, async ({ params }, reply) =>
      sendProgress(reply, await ownTokens.remove(params.subject, IN_REQUEST)),
    )

    app.post('/:subject/disable', { preValidation: mayWrite, schema: schemas.disableUser }, async ({ params }) =>
      toManaged(ownUsers.describeNow(await ownUsers.disable(params.subject))),
    )

    app.post('/:subject/enable', { preValidation: mayWrite, schema: schemas.enableUser }, async ({ params }) =>
      toManaged(ownUsers.describeNow(await ownUsers.enable(params.subject))),
    )

    app.get('/:subject/tokens', { preValidation: mayRead, schema: schemas.listTokens }, async ({ params, query }) =>
      ownTokens.list(params.subject, query),
    )

    app.post('/:subject/tokens', { preValidation: mayWrite, schema: schemas.issueToken }, async (request, reply) => {
      assertMayGrant(tokenOf(request), request.body.scopes ?? [])
      return sendIssued(reply, await ownTokens.issue(request.params.subject, request.body))
    })

    app.delete(
      '/:subject/tokens',
      { preValidation: mayWrite, schema: schemas.revokeTokens },
      async ({ params }, reply) => sendProgress(reply, await ownTokens.revokeAll(params.subject, IN_REQUEST)),
    )

    app.post(
      '/:subject/tokens/:id/rotate',
      { preValidation: mayWrite, schema: schemas.rotateToken },
      async (request, reply) => {
        const { params, body } = request
        return sendIssued(reply, await ownTokens.rotate(params.subject, params.id, body?.overlap, tokenOf(request)))
      },
    )

    app.delete(
      '/:subject/tokens/:id',
      { preValidation: mayWrite, schema: schemas.revokeToken },
      async ({ params }, reply) => sendRevoked(reply, await ownTokens.revoke(params.subject, params.id)),
    )
  }
}
