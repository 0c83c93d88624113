import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Config } from '../../config/config.ts'
import type { Params } from '../../grants/grant.ts'
import type { Issued } from '../../tokens/tokens.ts'
import type { Site } from '../site.ts'
import { texts } from '../texts.ts'
import { madeBefore, newOnce, rememberMade } from './made.ts'
import { nameOf } from './view.ts'

/**
 * Shows the plain text of a token: in the answer to the form that made it and nowhere else, so that no cookie, no memory
 * and no table ever holds it. The form sent again, as a reload does, leads to the token's page, which does not know it.
 */
export interface ShowMade {
  /** For the form that makes a token. */
  once(): string
  /** Goes on to the token that the same form made before; undefined when it is new. */
  before(request: FastifyRequest, reply: FastifyReply): FastifyReply | undefined
  /** @param overlap seconds that the text before it lives on; undefined: there was none */
  made(request: FastifyRequest, reply: FastifyReply, issued: Issued, overlap?: number): Promise<string>
}

export function createShowMade(site: Site, { issuer }: Pick<Config, 'issuer'>): ShowMade {
  const text = texts.tokens.made
  const onceOf = ({ body }: FastifyRequest) => (body as Params | undefined)?.once

  return {
    once: newOnce,

    before(request, reply) {
      const id = madeBefore(request, site, onceOf(request))
      return id === undefined ? undefined : reply.redirect(`${site.base}/tokens/${id}`, 303)
    },

    async made(request, reply, { token, plainText }, overlap) {
      const once = onceOf(request)
      if (once !== undefined) rememberMade(request, reply, site, once, token.id)
      return reply.page(
        'tokens/made.eta',
        {
          title: text.title,
          section: 'tokens',
          name: nameOf(token),
          id: token.id,
          expiresAt: token.expiresAt,
          plainText,
          curl: `curl -H 'Authorization: Bearer ${plainText}' ${issuer}/api/user`,
          overlapHours: overlap === undefined ? undefined : overlap / 3600,
        },
        { status: 201 },
      )
    },
  }
}
