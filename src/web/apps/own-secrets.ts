import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import type { Client } from '../../clients/client.entity.ts'
import type { Clients } from '../../clients/clients.ts'
import { parseDuration } from '../../config/duration.ts'
import type { Params } from '../../grants/grant.ts'
import type { Site } from '../site.ts'
import { texts } from '../texts.ts'
import { issuedBefore, newFormId, rememberIssued } from '../tokens/issued-cookie.ts'
import { ownApp } from './own-app.ts'

/** How long the old secret can stay valid. */
const OVERLAPS = ['0', '1h', '1d', '7d', '30d'] as const

const text = texts.apps
const section = 'apps' as const

const onceOf = ({ body }: FastifyRequest) => (body as Params | undefined)?.once

/** Shows a secret. It is in no other response and not stored in plain text. */
export function showSecret(reply: FastifyReply, site: Site, client: Client, secret: string) {
  const { request } = reply
  const once = onceOf(request)
  if (once !== undefined) rememberIssued(request, reply, site, once, client.id)
  const data = { title: text.secret.title, section, client, secret, path: `${site.base}/apps/own/${client.id}` }
  return reply.page('apps/secret.eta', data)
}

/** Redirects to the app when the same form was submitted before, for example by a reload; undefined for a new form. */
export function alreadyRotated(reply: FastifyReply, site: Site): FastifyReply | undefined {
  const id = issuedBefore(reply.request, site, onceOf(reply.request))
  return id === undefined ? undefined : reply.redirect(`${site.base}/apps/own/${id}`, 303)
}

/** Pages that regenerate the secret of a user's own app. */
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
      const requested = ((request.body ?? {}) as Params).overlap ?? '0'
      // rotateSecret rejects NaN with the other invalid values.
      const overlapSeconds = requested === '0' ? 0 : (parseDuration(requested) ?? Number.NaN)
      const { client, secret } = await clients.rotateSecret(id, { overlapSeconds })
      return showSecret(reply, site, client, secret)
    })
  }
}
