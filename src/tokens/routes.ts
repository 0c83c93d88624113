import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { checkScopes, requireToken } from '../../packages/guard/src/checks.ts'
import { tokenOf } from '../../packages/guard/src/token-of.ts'
import { REQUEST_BUDGET_MS } from '../database/run-batches.ts'
import { page } from '../http/paging.ts'
import { sendProgress, sendRevoked } from '../http/progress.ts'
import { ownerOf } from '../users/routes.ts'
import { toOwnUser } from '../users/schemas.ts'
import { createSendIssued, type IssueRoutesOptions, issueRoutes, userOfRequest } from './issue-routes.ts'
import * as schemas from './route-schemas.ts'
import { toToken } from './schemas.ts'
import type { ShownToken } from './token.entity.ts'
import type { Tokens } from './tokens.ts'
import type { Usage } from './usage.ts'

export interface TokenRoutesOptions extends IssueRoutesOptions {
  tokens: Tokens
  usage: Usage
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
      const { state, scope } = request.query
      return page(
        request.query,
        pageRequest => tokens.list(userId, { ...pageRequest, state, scope }),
        token => toToken(catalogue, token, usage.lastUse(token)),
      )
    })

    app.delete('/tokens', { preValidation: requireWrite, schema: schemas.revokeTokens }, async (request, reply) => {
      const limits = { lastTokenId: tokenOf(request).id, timeoutMs: REQUEST_BUDGET_MS }
      return sendProgress(reply, await tokens.revokeAll(ownerOf(request), limits))
    })
  }
}

function currentTokenRoutes({ tokens, usage, catalogue }: TokenRoutesOptions): FastifyPluginAsyncTypebox {
  const sendIssued = createSendIssued(catalogue)
  const preValidation = requireToken()

  return async app => {
    app.get('/tokens/current', { preValidation, schema: schemas.getCurrentToken }, async request => {
      const token = await tokens.findCurrent(tokenOf(request))
      return { data: toToken(catalogue, token, usage.lastUse(token)) }
    })

    app.delete('/tokens/current', { preValidation, schema: schemas.revokeCurrentToken }, async (request, reply) => {
      return sendRevoked(reply, await tokens.revokeCurrent(tokenOf(request)))
    })

    app.post(
      '/tokens/current/rotate',
      { preValidation, schema: schemas.rotateCurrentToken },
      async (request, reply) => {
        const user = userOfRequest(request)
        const { overlap: overlapSeconds } = request.body ?? {}
        const issued = await tokens.rotate(user, tokenOf(request).id, { overlapSeconds, itself: tokenOf(request) })
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
    app.get('/tokens/:id', { preValidation: checkScopes('tokens:read'), schema: schemas.getToken }, async request => {
      return { data: data(await tokens.find(ownerOf(request), request.params.id)) }
    })

    app.patch('/tokens/:id', { preValidation: requireWrite, schema: schemas.changeToken }, async request => {
      const { params, body } = request
      return { data: data(await tokens.change(userOfRequest(request), params.id, body, tokenOf(request))) }
    })

    app.post(
      '/tokens/:id/rotate',
      { preValidation: requireWrite, schema: schemas.rotateToken },
      async (request, reply) => {
        const user = userOfRequest(request)
        const { overlap: overlapSeconds } = request.body ?? {}
        const issued = await tokens.rotate(user, request.params.id, { overlapSeconds, issuingToken: tokenOf(request) })
        return sendIssued(reply, issued, toOwnUser(tokenOf(request), user))
      },
    )

    app.delete('/tokens/:id', { preValidation: requireWrite, schema: schemas.revokeToken }, async (request, reply) => {
      return sendRevoked(reply, await tokens.revoke(ownerOf(request), request.params.id))
    })
  }
}
