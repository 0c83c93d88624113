import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import type { Client } from '../../clients/client.entity.ts'
import type { Clients } from '../../clients/clients.ts'
import { parseDuration } from '../../config/duration.ts'
import type { Params } from '../../grants/grant.ts'
import type { Section } from '../section.ts'
import type { Site } from '../site.ts'
import { texts } from '../texts.ts'
import { issuedBefore, newFormId, rememberIssued } from '../tokens/issued-cookie.ts'

/** How long the old secret can stay valid. */
const OVERLAPS = ['0', '1h', '1d', '7d', '30d'] as const

const text = texts.apps

/** Where the pages of an app are, and how they find it. */
export interface AppPages {
  site: Site
  clients: Clients
  /** The path of the list of apps, below the site's base. */
  path: string
  frame: { section: Section; tab?: string }
  /** @throws 404 for an app that is not shown there */
  find(request: FastifyRequest): Promise<Client>
}

const onceOf = ({ body }: FastifyRequest) => (body as Params | undefined)?.once

/** Shows a secret. It is in no other response and not stored in plain text. */
export function showSecret(reply: FastifyReply, { site, path, frame }: AppPages, client: Client, secret: string) {
  const { request } = reply
  const once = onceOf(request)
  if (once !== undefined) rememberIssued(request, reply, site, once, client.id)
  const data = { title: text.secret.title, client, secret, path: `${site.base}${path}/${client.id}` }
  return reply.page('apps/secret.eta', { ...data, ...frame })
}

/** Redirects to the app when the same form was submitted before, for example by a reload; undefined for a new form. */
export function alreadyRotated(reply: FastifyReply, { site, path }: AppPages): FastifyReply | undefined {
  const id = issuedBefore(reply.request, site, onceOf(reply.request))
  return id === undefined ? undefined : reply.redirect(`${site.base}${path}/${id}`, 303)
}

/** Pages that regenerate the secret of an app. */
export function appSecrets(pages: AppPages): FastifyPluginAsync {
  const { site, clients, frame, find } = pages
  const path = site.base + pages.path

  return async app => {
    app.get('/:id/secret', async (request, reply) => {
      const client = await find(request)
      const data = { title: text.rotate.title, ...frame, client, overlaps: OVERLAPS, once: newFormId() }
      return reply.page('apps/rotate.eta', { ...data, path: `${path}/${client.id}` })
    })

    app.post('/:id/secret', async (request, reply) => {
      const { id } = await find(request)
      const again = alreadyRotated(reply, pages)
      if (again) return again
      const requested = ((request.body ?? {}) as Params).overlap ?? '0'
      // rotateSecret rejects NaN with the other invalid values.
      const overlapSeconds = requested === '0' ? 0 : (parseDuration(requested) ?? Number.NaN)
      const { client, secret } = await clients.rotateSecret(id, { overlapSeconds })
      return showSecret(reply, pages, client, secret)
    })
  }
}
