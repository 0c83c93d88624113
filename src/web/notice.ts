import type { FastifyReply, FastifyRequest } from 'fastify'
import { phrase } from './phrase.ts'
import type { Site } from './site.ts'
import { texts } from './texts.ts'

/** Name of a text in `texts.notices`, which a page shows after a redirect. */
export type NoticeName = keyof typeof texts.notices

const SECONDS = 60

/**
 * Stores a notice in a cookie for the page after the redirect. The cookie contains the name of a text, so a forged one can
 * only show texts of this server.
 */
export function sendNotice(reply: FastifyReply, site: Site, name: NoticeName, values: Record<string, string>): void {
  const text = Buffer.from(JSON.stringify([name, values])).toString('base64url')
  reply.setCookie(site.noticeCookie, text, { ...site.cookieOptions, maxAge: SECONDS })
}

/** Reads and deletes the notice. @returns HTML; undefined without a notice */
export function takeNotice(request: FastifyRequest, reply: FastifyReply, site: Site): string | undefined {
  const text = request.cookies[site.noticeCookie]
  if (text === undefined) return undefined
  reply.clearCookie(site.noticeCookie, site.cookieOptions)
  return read(text)
}

function read(cookie: string): string | undefined {
  try {
    const [name, values] = JSON.parse(Buffer.from(cookie, 'base64url').toString('utf8'))
    const text = Object.entries<string>(texts.notices).find(([key]) => key === name)?.[1]
    const entries = Object.entries(values as object).map(([key, value]) => [key, String(value)])
    return text && phrase(text, Object.fromEntries(entries))
  } catch {
    return undefined
  }
}
