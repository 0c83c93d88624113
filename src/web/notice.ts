import type { FastifyReply, FastifyRequest } from 'fastify'
import { phrase } from './phrase.ts'
import type { Site } from './site.ts'
import { texts } from './texts.ts'

/** What a page says after a redirect: a text of `texts.notices`, and what is put in. */
export type NoticeName = keyof typeof texts.notices

const SECONDS = 60

/**
 * Carries what was done over the redirect that follows it. The browser keeps it, no node has to; it names a text of ours,
 * so whoever plants one can say nothing else.
 */
export function sendNotice(reply: FastifyReply, site: Site, name: NoticeName, values: Record<string, string>): void {
  const text = Buffer.from(JSON.stringify([name, values])).toString('base64url')
  reply.setCookie(site.noticeCookie, text, { ...site.cookieOptions, maxAge: SECONDS })
}

/** @returns the notice as HTML, which is then gone; undefined when there is none */
export function takeNotice(request: FastifyRequest, reply: FastifyReply, site: Site): string | undefined {
  const text = request.cookies[site.noticeCookie]
  if (text === undefined) return undefined
  reply.clearCookie(site.noticeCookie, site.cookieOptions)
  return read(text)
}

function read(text: string): string | undefined {
  try {
    const [name, values] = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'))
    const said = Object.entries<string>(texts.notices).find(([key]) => key === name)?.[1]
    const words = Object.entries(values as object).map(([key, value]) => [key, String(value)])
    return said && phrase(said, Object.fromEntries(words))
  } catch {
    return undefined
  }
}
