import type { FastifyPluginAsync } from 'fastify'
import type { Names } from '../../admin/names.ts'
import type { Client } from '../../clients/client.entity.ts'
import type { Clients } from '../../clients/clients.ts'
import { phrase } from '../phrase.ts'
import { asked, idOf, listed } from '../query.ts'
import type { Site } from '../site.ts'
import { texts } from '../texts.ts'

export interface ManageClientsOptions {
  site: Site
  clients: Clients
  names: Names
}

const text = texts.manage.clients
const section = 'manage' as const
const tab = 'clients'

/** Every app, whoever built it: seen and revoked. */
export function manageClients({ site, clients, names }: ManageClientsOptions): FastifyPluginAsync {
  const path = `${site.base}/manage/clients`

  const ownersOf = (some: readonly Client[]) => names.users(some.map(({ user }) => user))

  return async app => {
    app.get('/clients', async (request, reply) => {
      const list = await listed(path, asked(request), clients.list, client => client)
      const owners = await ownersOf(list.rows)
      return reply.page('manage/clients.eta', { title: text.title, section, tab, list, owners })
    })

    app.get('/clients/:id', async (request, reply) => {
      const client = await clients.find(idOf(request))
      const owner = (await ownersOf([client])).get(client.user ?? '')
      return reply.page('manage/client.eta', { title: text.one, section, tab, client, owner })
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
