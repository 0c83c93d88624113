import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Config } from '../../config/config.ts'
import type { Params } from '../../grants/grant.ts'
import type { IssuedToken } from '../../tokens/tokens.ts'
import type { Site } from '../site.ts'
import { texts } from '../texts.ts'
import { issuedBefore, newFormId, rememberIssued } from './issued-cookie.ts'
import { nameOf } from './view.ts'

/**
 * Shows the plain text of a token: in the answer to the form that made it and nowhere else, so that no cookie, no memory
 * and no table ever holds it. The form sent again, as a reload does, leads to the token's page, which does not know it.
 */
export interface ShowIssued {
  /** For the form that makes a token. */
  newFormId(): string
  /** Goes on to the token that the same form made before; undefined when it is new. */
  before(request: FastifyRequest, reply: FastifyReply): FastifyReply | undefined
  /** @param overlap seconds that the text before it lives on; undefined: there was none */
  show(request: FastifyRequest, reply: FastifyReply, issued: IssuedToken, overlap?: number): Promise<string>
}

export function createShowIssued(site: Site, { issuer }: Pick<Config, 'issuer'>): ShowIssued {
  const text = texts.tokens.made
  const onceOf = ({ body }: FastifyRequest) => (body as Params | undefined)?.once

  return {
    newFormId,

    before(request, reply) {
      const id = issuedBefore(request, site, onceOf(request))
      return id === undefined ? undefined : reply.redirect(`${site.base}/tokens/${id}`, 303)
    },

    async show(request, reply, { token, plainText }, overlap) {
      const once = onceOf(request)
      if (once !== undefined) rememberIssued(request, reply, site, once, token.id)
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
