import type { FastifyPluginAsync, FastifyReply } from 'fastify'
import type { DisplayNames } from '../../admin/display-names.ts'
import { badRequest } from '../../errors/errors.ts'
import type { Params } from '../../grants/grant.ts'
import type { PageRequest } from '../../http/paging.ts'
import { IN_REQUEST } from '../../operations/send.ts'
import type { Catalogue } from '../../scopes/catalogue.ts'
import type { TokenAdmin } from '../../tokens/bulk.ts'
import { ALL_SORTS, type AllSort, type ListAllPage } from '../../tokens/list-all.ts'
import type { ListRemovedScopes } from '../../tokens/removed-scopes.ts'
import type { AccessToken } from '../../tokens/token.entity.ts'
import type { Usage } from '../../tokens/usage.ts'
import type { UserIds } from '../../users/user-ids.ts'
import type { Users } from '../../users/users.ts'
import { formErrorOf } from '../form-error.ts'
import { operationPath } from '../operations.ts'
import { listPage, queryParams } from '../query.ts'
import type { Site } from '../site.ts'
import { sortColumns } from '../sort-columns.ts'
import { texts } from '../texts.ts'
import { createReadFilter, FIELDS, type TokenChoice } from './filter.ts'

export interface ManageTokensOptions {
  site: Site
  tokenAdmin: TokenAdmin
  usage: Usage
  users: Users
  userIds: Pick<UserIds, 'rowOf'>
  displayNames: DisplayNames
  catalogue: Catalogue
  removedScopes: ListRemovedScopes
}

const text = texts.manage.tokens
const section = 'manage' as const
const tab = 'tokens'
const DEFAULT_SORT: AllSort = '-created_at'
const COLUMNS = [
  ['created', '-created_at'],
  ['expires', 'expires_at'],
] as const
/** Without a condition, all tokens of the deployment match, which may be many. */
const MAX_COUNT = 1000

type ListChoice = Pick<ListAllPage, 'search' | 'sort' | 'state'>

/** The tokens of all users: filter them, and revoke all that match. */
export function manageTokens(options: ManageTokensOptions): FastifyPluginAsync {
  const { site, tokenAdmin, usage, displayNames, catalogue, removedScopes } = options
  const readChoice = createReadFilter(options)
  const path = `${site.base}/manage/tokens`
  const lastUsed = (token: AccessToken) => usage.lastUse(token).lastUsedAt

  /** One page of the tokens that match, as rows of the table. */
  async function rowsOf(at: string, query: Params, { filter }: TokenChoice, more: ListChoice = {}) {
    const fetch = (pageRequest: PageRequest) => tokenAdmin.list(filter, { ...pageRequest, ...more })
    const list = await listPage(at, query, fetch, token => token)
    const people = await displayNames.users(list.rows.map(({ user }) => user))
    const apps = await displayNames.clients(list.rows.map(({ client }) => client))
    return { list, people, apps, lastUsed }
  }

  async function found(query: Params, choice: TokenChoice) {
    const { search } = query
    const sort = ALL_SORTS.find(each => each === query.sort) ?? DEFAULT_SORT
    const rows = await rowsOf(path, query, choice, { search, sort, state: query.state === 'all' ? 'all' : 'live' })
    const max = choice.conditionsHtml.length === 0 ? MAX_COUNT : undefined
    const count = await tokenAdmin.count(choice.filter, { search, max: max && max + 1 })
    const { cursor: _, ...kept } = query
    const columns = Object.fromEntries(sortColumns(path, kept, sort, COLUMNS).map(column => [column.name, column]))
    // A search is no condition of a revocation: it would revoke tokens that are not shown.
    const chosen = search === undefined ? chosenIn(query) : ''
    return { ...rows, sort, columns, chosen, count, max }
  }

  /** The confirmation page of a bulk revocation: shows which tokens match, and how many. */
  async function confirmPage(reply: FastifyReply, query: Params) {
    const choice = await readChoice(query)
    const { conditionsHtml } = choice
    if (conditionsHtml.length === 0) throw badRequest(text.revokeAll.noCondition)
    const rows = await rowsOf(`${path}/revoke`, query, choice)
    const count = await tokenAdmin.count(choice.filter)
    const fields = fieldsIn(query)
    const { title } = text.revokeAll
    const data = { title, section, tab, ...rows, count, conditionsHtml, fields, back: `${path}?${chosenIn(query)}` }
    return reply.page('manage/tokens-revoke.eta', { ...data, action: `${path}/revoke` })
  }

  return async app => {
    app.get('/tokens', async (request, reply) => {
      const query = queryParams(request)
      const left = (await removedScopes()).map(({ scope }) => ({ id: scope }))
      const data = { title: text.title, section, tab, query, scopes: [...catalogue.scopes, ...left] }
      try {
        return reply.page('manage/tokens.eta', { ...data, ...(await found(query, await readChoice(query))) })
      } catch (error) {
        return reply.page('manage/tokens.eta', { ...data, refusal: formErrorOf(error) })
      }
    })

    app.get('/tokens/revoke', async (request, reply) => confirmPage(reply, queryParams(request)))

    app.post('/tokens/revoke', async (request, reply) => {
      const sent = (request.body ?? {}) as Params
      const { filter, conditionsHtml } = await readChoice(sent)
      if (conditionsHtml.length === 0) throw badRequest(text.revokeAll.noCondition)
      const { count, complete, operation } = await tokenAdmin.revoke(filter, IN_REQUEST)
      if (operation) return reply.redirectTo(operationPath(operation))
      // The database did not answer. The confirmation page shows how many are left.
      if (!complete)
        return reply.redirectTo(`${path}/revoke?${chosenIn(sent)}`, 'tokensRevokedSoFar', { count: String(count) })
      return reply.redirectTo('/manage/tokens', 'tokensRevoked', { count: String(count) })
    })
  }
}

const fieldsIn = (query: Params): [string, string][] =>
  FIELDS.flatMap((name): [string, string][] => (query[name] === undefined ? [] : [[name, query[name]]]))

const chosenIn = (query: Params): string => new URLSearchParams(fieldsIn(query)).toString()
