import type { FastifyPluginAsync, FastifyReply } from 'fastify'
import type { Names } from '../../admin/names.ts'
import { REQUEST_MS } from '../../database/in-time.ts'
import { badRequest, notFound } from '../../errors/errors.ts'
import type { Params } from '../../grants/grant.ts'
import type { Catalogue } from '../../scopes/catalogue.ts'
import { isUuid } from '../../text/uuid.ts'
import type { LeftScopes } from '../../tokens/left-scopes.ts'
import type { RevokeOne } from '../../tokens/revoker.ts'
import type { Selection } from '../../tokens/selection.ts'
import type { AccessToken } from '../../tokens/token.entity.ts'
import type { Usage } from '../../tokens/usage.ts'
import type { Users } from '../../users/users.ts'
import { phrase } from '../phrase.ts'
import { asked, idOf, listed } from '../query.ts'
import { refusalOf } from '../signed-in.ts'
import type { Site } from '../site.ts'
import { texts } from '../texts.ts'
import { type Choice, createReadChoice, FIELDS } from './choice.ts'

export interface ManageTokensOptions {
  site: Site
  selection: Selection
  revokeOne: RevokeOne
  usage: Usage
  users: Users
  names: Names
  catalogue: Catalogue
  leftScopes: LeftScopes
}

const text = texts.manage.tokens
const section = 'manage' as const
const tab = 'tokens'

/** Everybody's tokens: chosen by conditions, and revoked one by one or all that were chosen. */
export function manageTokens(options: ManageTokensOptions): FastifyPluginAsync {
  const { site, selection, revokeOne, usage, names, catalogue, leftScopes } = options
  const readChoice = createReadChoice(options)
  const path = `${site.base}/manage/tokens`
  const lastUsed = (token: AccessToken) => usage.seen(token).lastUsedAt

  async function find(id: string): Promise<AccessToken> {
    const token = isUuid(id) ? await selection.find(id) : undefined
    if (!token) throw notFound('token')
    return token
  }

  async function found(query: Params, { selector }: Choice) {
    const all = query.state === 'all'
    const list = await listed(
      path,
      query,
      wish => selection.list(selector, { ...wish, all }),
      token => token,
    )
    const people = await names.users(list.rows.map(({ user }) => user))
    const apps = await names.clients(list.rows.map(({ client }) => client))
    return { list, people, apps, lastUsed, count: await selection.count(selector), chosen: chosenIn(query) }
  }

  /** Says how many tokens a choice holds, and asks whether to revoke them: the dry run. */
  async function ask(reply: FastifyReply, query: Params) {
    const { selector, conditionsHtml } = await readChoice(query)
    if (conditionsHtml.length === 0) throw badRequest(text.revokeAll.noCondition)
    const count = await selection.count(selector)
    const fields = fieldsIn(query)
    const { title } = text.revokeAll
    const data = { title, section, tab, count, conditionsHtml, fields, back: `${path}?${chosenIn(query)}` }
    return reply.page('manage/tokens-revoke.eta', { ...data, action: `${path}/revoke` })
  }

  return async app => {
    app.get('/tokens', async (request, reply) => {
      const query = asked(request)
      const left = (await leftScopes()).map(({ scope }) => ({ id: scope }))
      const data = { title: text.title, section, tab, query, scopes: [...catalogue.scopes, ...left] }
      try {
        return reply.page('manage/tokens.eta', { ...data, ...(await found(query, await readChoice(query))) })
      } catch (error) {
        const { status, message } = refusalOf(error)
        return reply.page('manage/tokens.eta', { ...data, refusal: message }, { status })
      }
    })

    app.get('/tokens/revoke', async (request, reply) => ask(reply, asked(request)))

    app.post('/tokens/revoke', async (request, reply) => {
      const sent = (request.body ?? {}) as Params
      const { selector, conditionsHtml } = await readChoice(sent)
      if (conditionsHtml.length === 0) throw badRequest(text.revokeAll.noCondition)
      const { count, complete } = await selection.revoke(selector, REQUEST_MS)
      // Where some are left, the page that asks says how many.
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
      const count = await revokeOne(id)
      const values = { name: name ?? id, count: String(count - 1) }
      return reply.goOn('/manage/tokens', count > 1 ? 'tokenRevokedForWith' : 'tokenRevokedFor', values)
    })
  }
}

const fieldsIn = (query: Params): [string, string][] =>
  FIELDS.flatMap((name): [string, string][] => (query[name] === undefined ? [] : [[name, query[name]]]))

const chosenIn = (query: Params): string => new URLSearchParams(fieldsIn(query)).toString()
