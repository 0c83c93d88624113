import type { FastifyPluginAsync } from 'fastify'
import type { Clients } from '../../clients/clients.ts'
import { phrase } from '../phrase.ts'
import type { Site } from '../site.ts'
import { texts } from '../texts.ts'
import { ownApp } from './own-app.ts'

const text = texts.apps
const section = 'apps' as const

/** Pages that revoke a user's own app. */
export function revokeOwnApp({ site, clients }: { site: Site; clients: Clients }): FastifyPluginAsync {
  const path = `${site.base}/apps/own`

  return async app => {
    app.get('/:id/revoke', async (request, reply) => {
      const { id, name } = await ownApp(clients, request)
      const { title, question, detail, submit } = text.revoke
      const data = { title, section, headingHtml: phrase(question, { app: name }), detail, submit }
      return reply.page('confirm-action.eta', { ...data, action: `${path}/${id}/revoke`, back: `${path}/${id}` })
    })

    app.post('/:id/revoke', async (request, reply) => {
      const { id, name } = await ownApp(clients, request)
      await clients.revoke(id)
      return reply.redirectTo('/apps/own', 'appRevoked', { app: name })
    })
  }
}
