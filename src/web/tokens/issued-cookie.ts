import { randomBytes } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { isUuid } from '../../text/uuid.ts'
import type { Site } from '../site.ts'

const MAX_REMEMBERED = 5
const SECONDS = 86_400

/** What a form that makes a token carries, so that it makes no more than one. */
export const newFormId = () => randomBytes(9).toString('base64url')

/**
 * Which token the form made that was sent before, if this is the same form again: a browser that loads the answer anew
 * sends it once more. The browser itself remembers it: nothing depends on it but the person's own convenience.
 */
export function issuedBefore({ cookies }: FastifyRequest, site: Site, once: string | undefined): string | undefined {
  const [, id = ''] = entries(cookies[site.madeCookie]).find(([key]) => key === once) ?? []
  return isUuid(id) ? id : undefined
}

export function rememberIssued(
  request: FastifyRequest,
  reply: FastifyReply,
  site: Site,
  once: string,
  id: string,
): void {
  const all = [...entries(request.cookies[site.madeCookie]), [once, id]].slice(-MAX_REMEMBERED)
  const text = all.map(entry => entry.join('.')).join('~')
  reply.setCookie(site.madeCookie, text, { ...site.cookieOptions, maxAge: SECONDS })
}

/** What nobody here wrote is dropped. */
const entries = (text = '') =>
  text
    .split('~')
    .filter(entry => /^[\w-]{12}\.[\da-f-]{36}$/.test(entry))
    .map(entry => entry.split('.'))
