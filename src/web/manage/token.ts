import type { FastifyPluginAsync } from 'fastify'
import type { Clients } from '../../clients/clients.ts'
import { notFound } from '../../errors/errors.ts'
import { isUuid } from '../../text/uuid.ts'
import type { TokenAdmin } from '../../tokens/bulk.ts'
import { stateOf } from '../../tokens/state.ts'
import type { AccessToken } from '../../tokens/token.entity.ts'
import { idOf } from '../query.ts'
import { texts } from '../texts.ts'
import { nameOf } from '../tokens/view.ts'
import type { TokenFacts } from './token-facts.ts'

export interface ManageTokenOptions {
  tokenAdmin: Pick<TokenAdmin, 'find'>
  clients: Pick<Clients, 'personalAccess'>
  facts: TokenFacts
}

/** @throws 404 */
export async function findToken({ find }: Pick<TokenAdmin, 'find'>, id: string): Promise<AccessToken> {
  const token = isUuid(id) ? await find(id) : undefined
  if (!token) throw notFound('token')
  return token
}

/** A token of any user, with what an administrator can do with it. */
export function manageToken({ tokenAdmin, clients, facts }: ManageTokenOptions): FastifyPluginAsync {
  return async app => {
    app.get('/tokens/:id', async (request, reply) => {
      const token = await findToken(tokenAdmin, idOf(request))
      const { id: client } = await clients.personalAccess()
      return reply.page('manage/token.eta', {
        title: texts.manage.tokens.one,
        section: 'manage',
        tab: 'tokens',
        token,
        name: nameOf(token),
        state: stateOf(token),
        facts: await facts(token),
        isPersonal: token.user !== null && token.client === client && !token.parent,
      })
    })
  }
}
