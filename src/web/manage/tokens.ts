import type { FastifyPluginAsync, FastifyReply } from 'fastify'
import type { DisplayNames } from '../../admin/display-names.ts'
import { REQUEST_BUDGET_MS } from '../../database/run-batches.ts'
import { badRequest, notFound } from '../../errors/errors.ts'
import type { Params } from '../../grants/grant.ts'
import type { Catalogue } from '../../scopes/catalogue.ts'
import { isUuid } from '../../text/uuid.ts'
import type { TokenAdmin } from '../../tokens/bulk.ts'
import type { ListRemovedScopes } from '../../tokens/removed-scopes.ts'
import type { RevokeToken } from '../../tokens/revoke-batch.ts'
import type { AccessToken } from '../../tokens/token.entity.ts'
import type { Usage } from '../../tokens/usage.ts'
import type { Users } from '../../users/users.ts'
import { phrase } from '../phrase.ts'
import { idOf, listPage, queryParams } from '../query.ts'
import { formErrorOf } from '../signed-in.ts'
import type { Site } from '../site.ts'
import { texts } from '../texts.ts'
import { createReadFilter, FIELDS, type TokenChoice } from './filter.ts'

export interface ManageTokensOptions {
  site: Site
  tokenAdmin: TokenAdmin
  revokeToken: RevokeToken
  usage: Usage
  users: Users
  displayNames: DisplayNames
  catalogue: Catalogue
  removedScopes: ListRemovedScopes
}

const text = texts.manage.tokens
const section = 'manage' as const
const tab = 'tokens'

/** The tokens of all users: filter them, and revoke one or all that match. */
export function manageTokens(options: ManageTokensOptions): FastifyPluginAsync {
  const { site, tokenAdmin, revokeToken, usage, displayNames, catalogue, removedScopes } = options
  const readChoice = createReadFilter(options)
  const path = `${site.base}/manage/tokens`
  const lastUsed = (token: AccessToken) => usage.lastUse(token).lastUsedAt

  async function find(id: string): Promise<AccessToken> {
    const token = isUuid(id) ? await tokenAdmin.find(id) : undefined
    if (!token) throw notFound('token')
    return token
  }

  async function found(query: Params, { filter }: TokenChoice) {
    const all = query.state === 'all'
    const list = await listPage(
      path,
      query,
      pageRequest => tokenAdmin.list(filter, { ...pageRequest, all }),
      token => token,
    )
    const people = await displayNames.users(list.rows.map(({ user }) => user))
    const apps = await displayNames.clients(list.rows.map(({ client }) => client))
    return { list, people, apps, lastUsed, count: await tokenAdmin.count(filter), chosen: chosenIn(query) }
  }

  /** The confirmation page of a bulk revocation: shows how many tokens match. */
  async function confirmPage(reply: FastifyReply, query: Params) {
    const { filter, conditionsHtml } = await readChoice(query)
    if (conditionsHtml.length === 0) throw badRequest(text.revokeAll.noCondition)
    const count = await tokenAdmin.count(filter)
    const fields = fieldsIn(query)
    const { title } = text.revokeAll
    const data = { title, section, tab, count, conditionsHtml, fields, back: `${path}?${chosenIn(query)}` }
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
        const { status, message } = formErrorOf(error)
        return reply.page('manage/tokens.eta', { ...data, refusal: message }, { status })
      }
    })

    app.get('/tokens/revoke', async (request, reply) => confirmPage(reply, queryParams(request)))

    app.post('/tokens/revoke', async (request, reply) => {
      const sent = (request.body ?? {}) as Params
      const { filter, conditionsHtml } = await readChoice(sent)
      if (conditionsHtml.length === 0) throw badRequest(text.revokeAll.noCondition)
      const { count, complete } = await tokenAdmin.revoke(filter, REQUEST_BUDGET_MS)
      // If some are left, the confirmation page shows how many.
      if (!complete)
        return reply.goOn(`${path}/revoke?${chosenIn(sent)}`, 'tokensRevokedSoFar', { count: String(count) })
      return reply.goOn('/manage/tokens', 'tokensRevoked', { count: String(count) })
    })

    app.get('/tokens/:id/revoke', async (request, reply) => {
      const { id, name } = await find(idOf(request))
      const { title, question, detail, submit } = text.revoke
      const headingHtml = phrase(question, { name: name ?? id })
      const data = { title, section, tab, headingHtml, detail, submit, action: `${path}/${id}/revoke`, back: path }
      return reply.page('ask-first.eta', data)
    })

    app.post('/tokens/:id/revoke', async (request, reply) => {
      const { id, name } = await find(idOf(request))
      const count = await revokeToken(id)
      const values = { name: name ?? id, count: String(count - 1) }
      return reply.goOn('/manage/tokens', count > 1 ? 'tokenRevokedForWith' : 'tokenRevokedFor', values)
    })
  }
}

const fieldsIn = (query: Params): [string, string][] =>
  FIELDS.flatMap((name): [string, string][] => (query[name] === undefined ? [] : [[name, query[name]]]))

const chosenIn = (query: Params): string => new URLSearchParams(fieldsIn(query)).toString()
