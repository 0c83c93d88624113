import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import type { Params } from '../../grants/grant.ts'
import { type ListState, SORTS, type Sort } from '../../tokens/list.ts'
import type { Tokens } from '../../tokens/tokens.ts'
import { stripBidiControls } from '../phrase.ts'
import { listPage } from '../query.ts'
import { signedInOf } from '../signed-in.ts'
import { sortColumns } from '../sort-columns.ts'
import { texts } from '../texts.ts'
import type { PageOwnerOf } from './owner.ts'
import { fieldOf } from './selection.ts'
import type { TokenView, TokenViews } from './view.ts'

export interface TokenListOptions {
  tokens: Tokens
  view: TokenViews
  ownerOf: PageOwnerOf
}

const text = texts.tokens.list
const STATES = Object.keys(text.states) as ListState[]
const DEFAULT_SORT: Sort = '-created_at'
const MAX_SEARCH_LENGTH = 128
const COLUMNS = [
  ['name', 'name'],
  ['scopes', '-scopes'],
  ['created', '-created_at'],
  ['used', '-last_used_at'],
  ['expires', 'expires_at'],
] as const satisfies (readonly [string, Sort])[]

/** The owner's personal access tokens, newest first, with search, filter, order and pages. */
export function tokenList({ tokens, view, ownerOf }: TokenListOptions): FastifyPluginAsync {
  return async app => {
    app.get('/tokens', async (request, reply) => {
      const { owner, home, account } = await ownerOf(request)
      const filters = filtersOf(request)
      const { search, state, sort, cursor } = filters
      const query = toQuery(filters)
      let total = 0
      const list = await listPage(
        home,
        { ...query, ...(cursor && { cursor }) },
        async pageRequest => {
          const found = await tokens.listAndCount(owner.id, {
            ...pageRequest,
            state,
            sort,
            search: search || undefined,
          })
          total = found.total
          return found.tokens
        },
        view,
      )
      const filtered = search !== '' || state !== 'live'
      return reply.page('tokens/list.eta', {
        title: account ? stripBidiControls(account.name) : text.title,
        section: 'tokens',
        home,
        account,
        accounts: account === undefined && signedInOf(request).isMaintainer,
        list: { ...list, rows: toRows(list.rows) },
        total,
        search,
        state,
        states: STATES,
        sort,
        columns: sortColumns(home, query, sort, COLUMNS),
        filtered,
        empty: list.rows.length === 0 && !filtered && !list.first,
      })
    })
  }
}

type Filters = ReturnType<typeof filtersOf>

/** Invalid values in the query are ignored. */
function filtersOf({ query }: FastifyRequest) {
  const { search, state, sort, cursor } = query as Record<string, unknown>
  return {
    search: typeof search === 'string' ? search.trim().slice(0, MAX_SEARCH_LENGTH) : '',
    state: STATES.find(each => each === state) ?? 'live',
    sort: SORTS.find(each => each === sort) ?? DEFAULT_SORT,
    cursor: typeof cursor === 'string' && cursor !== '' ? cursor : undefined,
  }
}

/** The query of a list, without what is the default. */
const toQuery = ({ search, state, sort }: Filters): Params => ({
  ...(search && { search }),
  ...(state !== 'live' && { state }),
  ...(sort !== DEFAULT_SORT && { sort }),
})

/** With what tells tokens of one name apart, and the field that selects a token that can be revoked. */
function toRows(rows: readonly TokenView[]) {
  const count = new Map<string, number>()
  for (const { name } of rows) count.set(name, (count.get(name) ?? 0) + 1)
  return rows.map(token => ({
    ...token,
    mark: (count.get(token.name) ?? 0) > 1 ? token.id.slice(-6) : undefined,
    field: token.state === 'active' || token.state === 'suspended' ? fieldOf(token.id) : undefined,
  }))
}
