import type { FastifyPluginAsync, FastifyReply } from 'fastify'
import { undefinedIfNotFound } from '../../errors/errors.ts'
import type { Params } from '../../grants/grant.ts'
import type { Tokens } from '../../tokens/tokens.ts'
import { plural } from '../numbers.ts'
import { queryParams } from '../query.ts'
import { texts } from '../texts.ts'
import type { PageOwner, PageOwnerOf } from './owner.ts'
import { fieldOf, selectedIds } from './selection.ts'
import type { TokenView, TokenViews } from './view.ts'

export interface RevokeSelectedOptions {
  tokens: Tokens
  view: TokenViews
  ownerOf: PageOwnerOf
}

/** The pages that revoke the tokens that were selected in the list. */
export function revokeSelectedPages({ tokens, view, ownerOf }: RevokeSelectedOptions): FastifyPluginAsync {
  /** The selected tokens that can be revoked. Those that ended in the meantime, and ids of others, are left out. */
  async function selected({ owner }: PageOwner, fields: Params): Promise<TokenView[]> {
    const found = await Promise.all(selectedIds(fields).map(id => tokens.find(owner.id, id).catch(undefinedIfNotFound)))
    return found
      .flatMap(token => (token ? [view(token)] : []))
      .filter(({ state }) => state === 'active' || state === 'suspended')
  }

  const sendBack = ({ path }: PageOwner, reply: FastifyReply) => reply.redirectTo(path, 'noneSelected')

  return async app => {
    app.get('/tokens/revoke', async (request, reply) => {
      const owned = await ownerOf(request)
      const chosen = await selected(owned, queryParams(request))
      if (chosen.length === 0) return sendBack(owned, reply)
      return reply.page('tokens/revoke-selected.eta', {
        title: plural(texts.tokens.revokeSelected.title, chosen.length),
        section: 'tokens',
        home: owned.home,
        rows: chosen.map(token => ({ ...token, field: fieldOf(token.id) })),
        along: await tokens.countIssued(...chosen.map(({ id }) => id)),
      })
    })

    app.post('/tokens/revoke', async (request, reply) => {
      const owned = await ownerOf(request)
      const chosen = await selected(owned, (request.body ?? {}) as Params)
      if (chosen.length === 0) return sendBack(owned, reply)
      const revoked = await Promise.all(chosen.map(({ id }) => tokens.revoke(owned.owner.id, id)))
      const count = revoked.reduce((sum, each) => sum + each, 0)
      return reply.redirectTo(owned.path, 'selectedRevoked', { count: String(count) })
    })
  }
}
