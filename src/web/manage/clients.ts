import type { FastifyPluginAsync, FastifyReply } from 'fastify'
import type { DisplayNames } from '../../admin/display-names.ts'
import type { Client } from '../../clients/client.entity.ts'
import type { Clients } from '../../clients/clients.ts'
import type { Params } from '../../grants/grant.ts'
import { phrase } from '../phrase.ts'
import { idOf, listPage, queryParams } from '../query.ts'
import { type FormError, formErrorOf } from '../signed-in.ts'
import type { Site } from '../site.ts'
import { texts } from '../texts.ts'

export interface ManageClientsOptions {
  site: Site
  clients: Clients
  displayNames: DisplayNames
}

const text = texts.manage.clients
const section = 'manage' as const
const tab = 'clients'

const lines = (typed: string) => typed.split(/\s+/).filter(Boolean)

/** The form fields of what an operator allows an app. */
interface Fields {
  exchange: string
  resources: string
  personal: boolean
  pushed: boolean
}

const fieldsOf = (client: Client): Fields => ({
  exchange: client.exchangeAudiences?.join('\n') ?? '',
  resources: client.resources?.join('\n') ?? '',
  personal: client.issuesPersonalTokens,
  pushed: client.requirePushedRequests,
})

const sentFields = (body: Params): Fields => ({
  exchange: body.exchange_audiences ?? '',
  resources: body.resources ?? '',
  personal: body.issues_personal_tokens !== undefined,
  pushed: body.require_pushed_authorization_requests !== undefined,
})

/** For apps of users, only the requirement to push requests can be changed. */
function toChange(client: Client, { exchange, resources, personal, pushed }: Fields) {
  const demand = { requirePushedRequests: pushed }
  if (!client.isOperators()) return demand
  const more = { ...demand, issuesPersonalTokens: personal }
  return client.isConfidential() ? { ...more, exchangeAudiences: lines(exchange), resources: lines(resources) } : more
}

/** All apps: details, allowed audiences, and revocation. */
export function manageClients({ site, clients, displayNames }: ManageClientsOptions): FastifyPluginAsync {
  const path = `${site.base}/manage/clients`

  const ownersOf = (some: readonly Client[]) => displayNames.users(some.map(({ user }) => user))

  /** @param given the values of a rejected form */
  async function detail(reply: FastifyReply, client: Client, given?: FormError & Fields) {
    const owner = (await ownersOf([client])).get(client.user ?? '')
    const fields = given ?? fieldsOf(client)
    const data = { title: text.one, section, tab, client, owner, fields, refusal: given?.message }
    return reply.page('manage/client.eta', data, { status: given?.status ?? 200 })
  }

  return async app => {
    app.get('/clients', async (request, reply) => {
      const list = await listPage(path, queryParams(request), clients.list, client => client)
      const owners = await ownersOf(list.rows)
      return reply.page('manage/clients.eta', { title: text.title, section, tab, list, owners })
    })

    app.get('/clients/:id', async (request, reply) => detail(reply, await clients.find(idOf(request))))

    app.post('/clients/:id', async (request, reply) => {
      const client = await clients.find(idOf(request))
      const fields = sentFields((request.body ?? {}) as Params)
      try {
        await clients.update(client.id, toChange(client, fields))
      } catch (error) {
        return detail(reply, client, { ...fields, ...formErrorOf(error) })
      }
      return reply.goOn(`/manage/clients/${client.id}`, 'clientChanged', { name: client.name })
    })

    app.get('/clients/:id/revoke', async (request, reply) => {
      const { id, name } = await clients.find(idOf(request))
      const { title, question, detail, submit } = text.revoke
      const data = { title, section, tab, headingHtml: phrase(question, { name }), detail, submit }
      return reply.page('ask-first.eta', { ...data, action: `${path}/${id}/revoke`, back: `${path}/${id}` })
    })

    app.post('/clients/:id/revoke', async (request, reply) => {
      const { id, name } = await clients.find(idOf(request))
      await clients.revoke(id)
      return reply.goOn(`/manage/clients/${id}`, 'clientRevoked', { name })
    })
  }
}
