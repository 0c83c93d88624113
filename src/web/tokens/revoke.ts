import type { FastifyPluginAsync } from 'fastify'
import type { Tokens } from '../../tokens/tokens.ts'
import { idOf } from '../query.ts'
import { texts } from '../texts.ts'
import type { PageOwnerOf } from './owner.ts'
import { nameOf, type TokenViews } from './view.ts'

const section = 'tokens' as const

export interface RevokeTokenOptions {
  tokens: Tokens
  view: TokenViews
  ownerOf: PageOwnerOf
}

/** The pages that revoke a personal access token. */
export function revokeTokenPages({ tokens, view, ownerOf }: RevokeTokenOptions): FastifyPluginAsync {
  return async app => {
    app.get('/tokens/:id/revoke', async (request, reply) => {
      const { owner, home } = await ownerOf(request)
      const token = await tokens.find(owner.id, idOf(request))
      const count = await tokens.countIssued(token.id)
      const { title } = texts.tokens.revoke
      return reply.page('tokens/revoke.eta', { title, section, home, token: view(token), count })
    })

    app.post('/tokens/:id/revoke', async (request, reply) => {
      const { owner, path } = await ownerOf(request)
      const token = await tokens.find(owner.id, idOf(request))
      const count = await tokens.revoke(owner.id, token.id)
      const values = { name: nameOf(token), count: String(count - 1) }
      return reply.redirectTo(path, count > 1 ? 'tokenRevokedWith' : 'tokenRevoked', values)
    })
  }
}
