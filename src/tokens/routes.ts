import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import { bearerText } from '../../packages/guard/src/bearer.ts'
import { checkScopes, requireToken } from '../../packages/guard/src/checks.ts'
import { tokenOf } from '../../packages/guard/src/token-of.ts'
import { ifMatch, withTag } from '../http/entity-tag.ts'
import { page } from '../http/paging.ts'
import { sendRevoked } from '../http/progress.ts'
import { IN_REQUEST, sendProgress } from '../operations/send.ts'
import { ownerOf } from '../users/routes.ts'
import { toOwnUser } from '../users/schemas.ts'
import type { FindWhileAway } from './find-while-away.ts'
import { createSendIssued, type IssueRoutesOptions, issueRoutes, tokenOwnerOf, userOfRequest } from './issue-routes.ts'
import { listFilter } from './list.ts'
import * as schemas from './route-schemas.ts'
import { tokenTag, toToken } from './schemas.ts'
import type { ShownToken } from './token.entity.ts'
import type { Tokens } from './tokens.ts'
import type { Usage } from './usage.ts'

export interface TokenRoutesOptions extends IssueRoutesOptions {
  tokens: Tokens
  usage: Usage
  findWhileAway: FindWhileAway
}

/** The routes that issue, list and revoke a user's personal access tokens, and those of a single token. */
export function tokenRoutes(options: TokenRoutesOptions): FastifyPluginAsyncTypebox {
  return async app => {
    await app.register(issueRoutes(options))
    await app.register(collectionRoutes(options))
    await app.register(currentTokenRoutes(options))
    await app.register(singleTokenRoutes(options))
  }
}

function collectionRoutes({ tokens, usage, catalogue }: TokenRoutesOptions): FastifyPluginAsyncTypebox {
  const requireWrite = checkScopes('tokens:write')

  return async app => {
    app.get('/tokens', { preValidation: checkScopes('tokens:read'), schema: schemas.listTokens }, async request => {
      const userId = ownerOf(request)
      return page(
        request.query,
        pageRequest => tokens.list(userId, { ...pageRequest, ...listFilter(request.query) }),
        token => toToken(catalogue, token, usage.lastUse(token)),
      )
    })

    app.delete('/tokens', { preValidation: requireWrite, schema: schemas.revokeTokens }, async (request, reply) => {
      const options = { ...IN_REQUEST, lastTokenId: tokenOf(request).id }
      return sendProgress(reply, await tokens.revokeAll(ownerOf(request), options))
    })
  }
}

function currentTokenRoutes({
  tokens,
  usage,
  catalogue,
  findWhileAway,
}: TokenRoutesOptions): FastifyPluginAsyncTypebox {
  const sendIssued = createSendIssued(catalogue)
  const preValidation = requireToken()
  /** A leaked token is revoked also while the application that its user belongs to does not answer. */
  async function acceptWhileAway(request: FastifyRequest): Promise<void> {
    if (!request.token && request.headers.authorization !== undefined)
      request.token = (await findWhileAway(bearerText(request as never))) ?? null
  }

  return async app => {
    app.get('/tokens/current', { preValidation, schema: schemas.getCurrentToken }, async request => {
      const token = await tokens.findCurrent(tokenOf(request))
      const issued_tokens = await tokens.countIssued(token.id)
      return { data: { ...toToken(catalogue, token, usage.lastUse(token)), issued_tokens } }
    })

    app.delete(
      '/tokens/current',
      { preValidation: [acceptWhileAway, preValidation], schema: schemas.revokeCurrentToken },
      async (request, reply) => sendRevoked(reply, await tokens.revokeCurrent(tokenOf(request))),
    )

    app.post(
      '/tokens/current/rotate',
      { preValidation, schema: schemas.rotateCurrentToken },
      async (request, reply) => {
        const user = userOfRequest(request)
        const { overlap: overlapSeconds } = request.body ?? {}
        const issued = await tokens.rotate(tokenOwnerOf(request), tokenOf(request).id, {
          overlapSeconds,
          itself: tokenOf(request),
          withinQuota: true,
        })
        return sendIssued(reply, issued, toOwnUser(tokenOf(request), user))
      },
    )
  }
}

function singleTokenRoutes({ tokens, usage, catalogue }: TokenRoutesOptions): FastifyPluginAsyncTypebox {
  const requireWrite = checkScopes('tokens:write')
  const sendIssued = createSendIssued(catalogue)
  const data = (token: ShownToken) => toToken(catalogue, token, usage.lastUse(token))

  return async app => {
    app.get(
      '/tokens/:id',
      { preValidation: checkScopes('tokens:read'), schema: schemas.getToken },
      async (request, reply) => {
        const token = await tokens.find(ownerOf(request), request.params.id)
        withTag(reply, tokenTag(token))
        return { data: { ...data(token), issued_tokens: await tokens.countIssued(token.id) } }
      },
    )

    app.patch('/tokens/:id', { preValidation: requireWrite, schema: schemas.changeToken }, async (request, reply) => {
      const { params, body } = request
      const unchanged = ifMatch(request, tokenTag)
      const token = await tokens.change(tokenOwnerOf(request), params.id, body, tokenOf(request), unchanged)
      withTag(reply, tokenTag(token))
      return { data: data(token) }
    })

    app.post(
      '/tokens/:id/rotate',
      { preValidation: requireWrite, schema: schemas.rotateToken },
      async (request, reply) => {
        const user = userOfRequest(request)
        const { overlap: overlapSeconds } = request.body ?? {}
        const issued = await tokens.rotate(tokenOwnerOf(request), request.params.id, {
          overlapSeconds,
          issuingToken: tokenOf(request),
          withinQuota: true,
        })
        return sendIssued(reply, issued, toOwnUser(tokenOf(request), user))
      },
    )

    app.delete('/tokens/:id', { preValidation: requireWrite, schema: schemas.revokeToken }, async (request, reply) => {
      return sendRevoked(reply, await tokens.revoke(ownerOf(request), request.params.id))
    })
  }
}
