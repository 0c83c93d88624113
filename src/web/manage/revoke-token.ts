import type { FastifyPluginAsync } from 'fastify'
import type { TokenAdmin } from '../../tokens/bulk.ts'
import { plural } from '../numbers.ts'
import { phrase } from '../phrase.ts'
import { idOf } from '../query.ts'
import type { Site } from '../site.ts'
import { texts } from '../texts.ts'
import { nameOf } from '../tokens/view.ts'
import { findToken } from './token.ts'
import type { TokenFacts } from './token-facts.ts'

export interface RevokeAnyTokenOptions {
  site: Site
  tokenAdmin: TokenAdmin
  facts: TokenFacts
}

const text = texts.manage.tokens
const section = 'manage' as const
const tab = 'tokens'

/** Pages that revoke one token of any user. */
export function revokeAnyToken({ site, tokenAdmin, facts }: RevokeAnyTokenOptions): FastifyPluginAsync {
  const path = `${site.base}/manage/tokens`

  const find = (id: string) => findToken(tokenAdmin, id)

  return async app => {
    app.get('/tokens/:id/revoke', async (request, reply) => {
      const token = await find(idOf(request))
      const { id } = token
      const { title, question, along, submit } = text.revoke
      const headingHtml = phrase(question, { name: nameOf(token) })
      const count = await tokenAdmin.countIssued(id)
      const detail = count === 0 ? text.revoke.detail : `${plural(along, count)} ${text.revoke.detail}`
      const frame = { section, tab, facts: await facts(token), back: `${path}/${id}` }
      const data = { title, headingHtml, detail, submit, action: `${path}/${id}/revoke`, ...frame }
      return reply.page('confirm-action.eta', data)
    })

    app.post('/tokens/:id/revoke', async (request, reply) => {
      const { id, name } = await find(idOf(request))
      const count = await tokenAdmin.revokeOne(id)
      const values = { name: name ?? id, count: String(count - 1) }
      return reply.redirectTo('/manage/tokens', count > 1 ? 'tokenRevokedForWith' : 'tokenRevokedFor', values)
    })
  }
}
