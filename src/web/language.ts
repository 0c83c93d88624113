import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import type { Params } from '../grants/grant.ts'
import { DEFAULT_LANGUAGE, type Language, toLanguage } from '../text/language.ts'
import type { Users } from '../users/users.ts'
import { acceptedLanguages } from './accept.ts'
import { localPath, type Site } from './site.ts'

const YEAR_SECONDS = 31_536_000

/** The language of a page: the choice of the account, that of the browser, `Accept-Language`, English. */
export function languageOf(request: FastifyRequest, site: Pick<Site, 'languageCookie'>): Language {
  return (
    toLanguage(request.signedIn?.user.language) ??
    // Absent in an error before cookies were read.
    toLanguage(request.cookies?.[site.languageCookie]) ??
    acceptedLanguages(request)[0] ??
    DEFAULT_LANGUAGE
  )
}

export interface LanguageOptions {
  site: Site
  users: Pick<Users, 'setLanguage'>
}

/** Stores the language that somebody chose: for the browser, and for the account of who is signed in. */
export function languageRoutes({ site, users }: LanguageOptions): FastifyPluginAsync {
  function store(reply: FastifyReply, language: Language | undefined) {
    if (language) reply.setCookie(site.languageCookie, language, { ...site.cookieOptions, maxAge: YEAR_SECONDS })
    else reply.clearCookie(site.languageCookie, site.cookieOptions)
  }

  return async app => {
    const options = { preHandler: app.csrfProtection, schema: { hide: true } as never }
    app.post('/language', options, async (request, reply) => {
      const { language, next } = (request.body ?? {}) as Params
      const chosen = toLanguage(language)
      store(reply, chosen)
      if (request.signedIn) await users.setLanguage(request.signedIn.user.id, chosen ?? null)
      return reply.redirect(localPath(next) ?? `${site.base}/tokens`, 303)
    })
  }
}
