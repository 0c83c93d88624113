import type { FastifyPluginAsync, FastifyReply } from 'fastify'
import type { Clients } from '../../clients/clients.ts'
import { invalid, notFound } from '../../errors/errors.ts'
import type { Params } from '../../grants/grant.ts'
import type { ServiceAccounts } from '../../service-accounts/accounts.ts'
import { isUuid } from '../../text/uuid.ts'
import type { TokenAdmin } from '../../tokens/bulk.ts'
import type { HandOver } from '../../tokens/handover.ts'
import type { ListTokensByUse } from '../../tokens/list-by-use.ts'
import { createSessionToken } from '../../tokens/session-token.ts'
import type { AccessToken } from '../../tokens/token.entity.ts'
import type { Usage } from '../../tokens/usage.ts'
import type { UserIds } from '../../users/user-ids.ts'
import type { Users } from '../../users/users.ts'
import { type FormError, formErrorOf } from '../form-error.ts'
import { phrase } from '../phrase.ts'
import { idOf, PER_PAGE, queryParams } from '../query.ts'
import { signedInOf } from '../signed-in.ts'
import type { Site } from '../site.ts'
import { texts } from '../texts.ts'
import type { ShowIssued } from '../tokens/show-issued.ts'
import { nameOf, tokenViews } from '../tokens/view.ts'
import { userOf } from './filter.ts'
import { findUser } from './user-page.ts'

export interface HandOverPagesOptions {
  site: Site
  users: Users
  userIds: UserIds
  tokenAdmin: TokenAdmin
  listTokensByUse: ListTokensByUse
  handOver: HandOver
  serviceAccounts: ServiceAccounts
  clients: Pick<Clients, 'personalAccess'>
  usage: Usage
  show: ShowIssued
}

const text = texts.manage.handover
const section = 'manage' as const
/** More are found by their ids. */
const MAX_ACCOUNTS = 100

/** The tokens of a user who leaves, by last use, and the form that hands one of them over. */
export function handOverPages(options: HandOverPagesOptions): FastifyPluginAsync {
  const { site, users, tokenAdmin, listTokensByUse, handOver, userIds, serviceAccounts, clients, usage, show } = options
  const sessionToken = createSessionToken(clients)
  const view = tokenViews(usage)

  /** @throws 404 for a token that is not personal */
  async function find(id: string): Promise<AccessToken & { user: string }> {
    const token = isUuid(id) ? await tokenAdmin.find(id) : undefined
    const { id: client } = await clients.personalAccess()
    if (!token?.user || token.client !== client || token.parent) throw notFound('personal access token')
    return token as AccessToken & { user: string }
  }

  async function form(reply: FastifyReply, token: AccessToken & { user: string }, given: Params, refusal?: FormError) {
    const owner = await users.findOwner(token.user)
    const data = {
      title: text.form.title,
      section,
      tab: 'users',
      headingHtml: phrase(text.form.heading, { name: nameOf(token), owner: owner.name }),
      token: view(token),
      back: `${site.base}/manage/users/${owner.id}/tokens`,
      accounts: await serviceAccounts.list({ limit: MAX_ACCOUNTS }),
      given,
      once: show.newFormId(),
      refusal,
    }
    return reply.page('manage/handover.eta', data)
  }

  return async app => {
    app.get('/users/:id/tokens', async (request, reply) => {
      const person = await findUser(users, request)
      const { id: client } = await clients.personalAccess()
      const offset = Math.max(0, Math.trunc(Number(queryParams(request).from ?? 0)) || 0)
      const rows = await listTokensByUse(person.id, client, { limit: PER_PAGE + 1, offset })
      const path = `${site.base}/manage/users/${person.id}/tokens`
      return reply.page('manage/user-tokens.eta', {
        title: text.title,
        section,
        tab: 'users',
        person,
        tokens: rows.slice(0, PER_PAGE).map(view),
        first: offset > 0 ? path : undefined,
        next: rows.length > PER_PAGE ? `${path}?from=${offset + PER_PAGE}` : undefined,
      })
    })

    app.get('/tokens/:id/handover', async (request, reply) => form(reply, await find(idOf(request)), {}))

    app.post('/tokens/:id/handover', async (request, reply) => {
      const given = (request.body ?? {}) as Params
      const before = show.before(request, reply, { home: `${site.base}/manage/tokens` })
      if (before) return before
      const token = await find(idOf(request))
      try {
        const to = await ownerOf(given)
        const handed = await handOver(token.id, to.id, await sessionToken(signedInOf(request)))
        const { plainText, droppedScopes } = handed
        if (plainText !== undefined) {
          const home = `${site.base}/manage/users/${token.user}/tokens`
          return show.show(request, reply, { token: handed.token as AccessToken, plainText }, { home, done: home })
        }
        const values = { name: nameOf(token), owner: to.name, scopes: droppedScopes.join(' ') }
        const notice = droppedScopes.length > 0 ? 'tokenHandedOverWithout' : 'tokenHandedOver'
        return reply.redirectTo(`/manage/users/${token.user}/tokens`, notice, values)
      } catch (error) {
        return form(reply, token, given, formErrorOf(error))
      }
    })
  }

  async function ownerOf({ account = '', person = '' }: Params): Promise<{ id: string; name: string }> {
    if (account !== '') return serviceAccounts.find(account)
    const found = person === '' ? undefined : await userOf({ ...users, ...userIds }, person, 'person')
    if (found) return found
    throw invalid({ path: 'person', message: text.form.noOwner })
  }
}
