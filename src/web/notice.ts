import type { FastifyReply, FastifyRequest } from 'fastify'
import { formatNumber, type PluralText, pluralForm } from './numbers.ts'
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
    const text = Object.entries<string | PluralText>(texts.notices).find(([key]) => key === name)?.[1]
    const entries = Object.entries(values as object).map(([key, value]) => [key, String(value)])
    return text && fill(text, Object.fromEntries(entries))
  } catch {
    return undefined
  }
}

/** A text with two forms has a count among its values. */
function fill(text: string | PluralText, values: Record<string, string>): string {
  if (typeof text === 'string') return phrase(text, values)
  const count = Number(values.count)
  return phrase(pluralForm(text, count), { ...values, count: formatNumber(count) })
}
