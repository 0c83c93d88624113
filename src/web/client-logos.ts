import type { FastifyPluginAsync } from 'fastify'
import type { Client } from '../clients/client.entity.ts'
import type { Clients } from '../clients/clients.ts'
import type { Logo, Verification, Verifications } from '../clients/verifications.ts'
import { notFound } from '../errors/errors.ts'
import { entityTag, isKnown } from '../http/entity-tag.ts'
import type { Site } from './site.ts'

/** A logo as the pages show it: its size is known, so that nothing moves when it has loaded. */
export interface LogoView {
  path: string
  width: number
  height: number
}

export interface ClientLogosOptions {
  clients: Pick<Clients, 'find'>
  verifications: Pick<Verifications, 'find'>
}

const MAX_PIXELS = 56
/** The copy is replaced at the next verification, which has another time in the path. */
const CACHE = 'public, max-age=86400'

export function logoView(site: Pick<Site, 'base'>, { id }: Client, { logo, verifiedAt }: Verification): LogoView {
  return { path: `${site.base}/logos/${id}?v=${verifiedAt.getTime()}`, ...logoSize(logo ?? { width: 1, height: 1 }) }
}

/** The size at which pages show a logo. */
export function logoSize({ width, height }: Pick<Logo, 'width' | 'height'>): Pick<Logo, 'width' | 'height'> {
  const scale = Math.min(1, MAX_PIXELS / Math.max(width, height))
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) }
}

/** The logos of verified apps. Pages load nothing from the hosts of apps. */
export const clientLogos =
  ({ clients, verifications }: ClientLogosOptions): FastifyPluginAsync =>
  async app => {
    app.get<{ Params: { id: string } }>('/logos/:id', { schema: { hide: true } as never }, async (request, reply) => {
      const { params } = request
      const { logo } = (await verifications.find(await clients.find(params.id))) ?? {}
      if (!logo) throw notFound()
      const tag = entityTag(logo.content.toString('base64'))
      reply
        .headers({ 'cache-control': CACHE, 'content-security-policy': "default-src 'none'; sandbox" })
        .header('etag', tag)
      if (isKnown(request, tag)) return reply.code(304).send()
      return reply.type('image/png').send(logo.content)
    })
  }
