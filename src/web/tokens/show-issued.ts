import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Config } from '../../config/config.ts'
import type { Params } from '../../grants/grant.ts'
import type { IssuedToken } from '../../tokens/tokens.ts'
import type { Site } from '../site.ts'
import { texts } from '../texts.ts'
import { issuedBefore, newFormId, rememberIssued } from './issued-cookie.ts'
import type { PageOwner } from './owner.ts'
import { nameOf } from './view.ts'

/**
 * Shows the plain text of a token only in the response to the form that created it, so it is never stored in a cookie, in
 * memory or in a table. Submitting the form again, as a reload does, redirects to the page of the token, without its text.
 */
export interface ShowIssued {
  /** An id for a form that creates a token. */
  newFormId(): string
  /** Redirects to the token that the same form created before; undefined for a new form. */
  before(request: FastifyRequest, reply: FastifyReply, owner: Pick<PageOwner, 'home'>): FastifyReply | undefined
  /**
   * @param overlap seconds that the old token stays valid; undefined: there is no old token
   */
  show(
    request: FastifyRequest,
    reply: FastifyReply,
    issued: IssuedToken,
    owner: Pick<PageOwner, 'home' | 'done' | 'frame'>,
    overlap?: number,
  ): Promise<string>
}

export function createShowIssued(site: Site, { issuer }: Pick<Config, 'issuer'>): ShowIssued {
  const text = texts.tokens.issued
  const onceOf = ({ body }: FastifyRequest) => (body as Params | undefined)?.once

  return {
    newFormId,

    before(request, reply, { home }) {
      const id = issuedBefore(request, site, onceOf(request))
      return id === undefined ? undefined : reply.redirect(`${home}/${id}`, 303)
    },

    async show(request, reply, { token, plainText }, { home, done = `${home}/${token.id}`, frame }, overlap) {
      const once = onceOf(request)
      if (once !== undefined) rememberIssued(request, reply, site, once, token.id)
      return reply.page(
        'tokens/issued.eta',
        {
          title: text.title,
          ...(frame ?? { section: 'tokens' }),
          done,
          name: nameOf(token),
          id: token.id,
          expiresAt: token.expiresAt,
          plainText,
          ...example(token.format, plainText, issuer),
          overlapHours: overlap === undefined ? undefined : overlap / 3600,
        },
        { status: 201 },
      )
    },
  }
}

/** A command to try a token with. A JWT would fill the page, so the command takes it from a variable. */
const example = (format: string, plainText: string, issuer: string) =>
  format === 'jwt'
    ? { curl: `curl -H "Authorization: Bearer $TOKEN" ${issuer}/api/user`, byVariable: true }
    : { curl: `curl -H 'Authorization: Bearer ${plainText}' ${issuer}/api/user`, byVariable: false }
