import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import type { Client } from '../../clients/client.entity.ts'
import type { Clients } from '../../clients/clients.ts'
import { parseDuration } from '../../config/duration.ts'
import type { Params } from '../../grants/grant.ts'
import type { Site } from '../site.ts'
import { texts } from '../texts.ts'
import { issuedBefore, newFormId, rememberIssued } from '../tokens/issued-cookie.ts'
import { ownApp } from './own-app.ts'

/** How long the secret before may live on; `0` is not at all. */
const OVERLAPS = ['0', '1h', '1d', '7d', '30d'] as const

const text = texts.apps
const section = 'apps' as const

const onceOf = ({ body }: FastifyRequest) => (body as Params | undefined)?.once

/** The one page that holds a secret: it is in no other answer, and stored nowhere on the way. */
export function showSecret(reply: FastifyReply, site: Site, client: Client, secret: string) {
  const { request } = reply
  const once = onceOf(request)
  if (once !== undefined) rememberIssued(request, reply, site, once, client.id)
  const data = { title: text.secret.title, section, client, secret, path: `${site.base}/apps/own/${client.id}` }
  return reply.page('apps/secret.eta', data)
}

/** The same form sent again, as a reload does, leads to the app that it was about; undefined when it is new. */
export function alreadyRotated(reply: FastifyReply, site: Site): FastifyReply | undefined {
  const id = issuedBefore(reply.request, site, onceOf(reply.request))
  return id === undefined ? undefined : reply.redirect(`${site.base}/apps/own/${id}`, 303)
}

/** Gives a person's own app a new secret. */
export function ownAppSecrets({ site, clients }: { site: Site; clients: Clients }): FastifyPluginAsync {
  const path = `${site.base}/apps/own`

  return async app => {
    app.get('/:id/secret', async (request, reply) => {
      const client = await ownApp(clients, request)
      const data = { title: text.rotate.title, section, client, overlaps: OVERLAPS, once: newFormId() }
      return reply.page('apps/rotate.eta', { ...data, path: `${path}/${client.id}` })
    })

    app.post('/:id/secret', async (request, reply) => {
      const { id } = await ownApp(clients, request)
      const again = alreadyRotated(reply, site)
      if (again) return again
      const wish = ((request.body ?? {}) as Params).overlap ?? '0'
      // What is no length of time is refused where the others are.
      const overlapSeconds = wish === '0' ? 0 : (parseDuration(wish) ?? Number.NaN)
      const { client, secret } = await clients.rotateSecret(id, { overlapSeconds })
      return showSecret(reply, site, client, secret)
    })
  }
}
