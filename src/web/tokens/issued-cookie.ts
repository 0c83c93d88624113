import { randomBytes } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { isUuid } from '../../text/uuid.ts'
import type { Site } from '../site.ts'

const MAX_REMEMBERED = 5
const SECONDS = 86_400

/** The id of a form that creates a token, so that submitting it twice creates only one. */
export const newFormId = () => randomBytes(9).toString('base64url')

/**
 * The token that the same form created before: a browser that reloads the response submits the form again. A cookie is
 * enough to remember it, because it is only a convenience for the user.
 */
export function issuedBefore({ cookies }: FastifyRequest, site: Site, once: string | undefined): string | undefined {
  const [, id = ''] = entries(cookies[site.issuedCookie]).find(([key]) => key === once) ?? []
  return isUuid(id) ? id : undefined
}

export function rememberIssued(
  request: FastifyRequest,
  reply: FastifyReply,
  site: Site,
  once: string,
  id: string,
): void {
  const all = [...entries(request.cookies[site.issuedCookie]), [once, id]].slice(-MAX_REMEMBERED)
  const text = all.map(entry => entry.join('.')).join('~')
  reply.setCookie(site.issuedCookie, text, { ...site.cookieOptions, maxAge: SECONDS })
}

/** Parses the cookie and drops malformed entries. */
const entries = (text = '') =>
  text
    .split('~')
    .filter(entry => /^[\w-]{12}\.[\da-f-]{36}$/.test(entry))
    .map(entry => entry.split('.'))
