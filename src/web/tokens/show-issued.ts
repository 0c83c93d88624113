import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Config } from '../../config/config.ts'
import type { Params } from '../../grants/grant.ts'
import type { IssuedToken } from '../../tokens/tokens.ts'
import type { Site } from '../site.ts'
import { texts } from '../texts.ts'
import { issuedBefore, newFormId, rememberIssued } from './issued-cookie.ts'
import { nameOf } from './view.ts'

/**
 * Shows the plain text of a token only in the response to the form that created it, so it is never stored in a cookie, in
 * memory or in a table. Submitting the form again, as a reload does, redirects to the page of the token, without its text.
 */
export interface ShowIssued {
  /** An id for a form that creates a token. */
  newFormId(): string
  /** Redirects to the token that the same form created before; undefined for a new form. */
  before(request: FastifyRequest, reply: FastifyReply): FastifyReply | undefined
  /** @param overlap seconds that the old token stays valid; undefined: there is no old token */
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
