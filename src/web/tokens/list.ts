import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import type { Params } from '../../grants/grant.ts'
import type { ListState } from '../../tokens/list.ts'
import type { Tokens } from '../../tokens/tokens.ts'
import { listPage } from '../query.ts'
import { signedInOf } from '../signed-in.ts'
import type { Site } from '../site.ts'
import { texts } from '../texts.ts'
import type { TokenViews } from './view.ts'

export interface TokenListOptions {
  site: Site
  tokens: Tokens
  view: TokenViews
}

const text = texts.tokens.list
const STATES = Object.keys(text.states) as ListState[]
const MAX_SEARCH_LENGTH = 128

/** The user's personal access tokens, newest first, with search, filter and pages. */
export function tokenList({ site, tokens, view }: TokenListOptions): FastifyPluginAsync {
  return async app => {
    app.get('/tokens', async (request, reply) => {
      const { user } = signedInOf(request)
      const { search, state, cursor } = filtersOf(request)
      const query: Params = {
        ...(search && { q: search }),
        ...(state !== 'live' && { state }),
        ...(cursor && { cursor }),
      }
      const list = await listPage(
        `${site.base}/tokens`,
        query,
        pageRequest => tokens.list(user.id, { ...pageRequest, state, search: search || undefined }),
        view,
      )
      const filtered = search !== '' || state !== 'live'
      return reply.page('tokens/list.eta', {
        title: text.title,
        section: 'tokens',
        list,
        search,
        state,
        states: STATES,
        filtered,
        empty: list.rows.length === 0 && !filtered && !list.first,
      })
    })
  }
}

/** Invalid values in the query are ignored. */
function filtersOf({ query }: FastifyRequest) {
  const { q, state, cursor } = query as Record<string, unknown>
  return {
    search: typeof q === 'string' ? q.trim().slice(0, MAX_SEARCH_LENGTH) : '',
    state: STATES.find(each => each === state) ?? 'live',
    cursor: typeof cursor === 'string' && cursor !== '' ? cursor : undefined,
  }
}
