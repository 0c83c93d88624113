import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import { setActor } from '../audit/actor.ts'
import { PosternError } from '../errors/errors.ts'
import type { Params } from '../grants/grant.ts'
import { peerOf } from '../http/forwarded.ts'
import type { DeviceCookies } from '../users/device-cookies.ts'
import { normalizeEmail } from '../users/emails.ts'
import type { Sessions } from '../users/sessions.ts'
import type { SignIn } from '../users/sign-in.ts'
import { allowPopups } from './popup.ts'
import type { StartSession } from './session.ts'
import type { SignInContextOf } from './sign-in-context.ts'
import { localPath, type Site } from './site.ts'
import { isStaleForm, redirectOnSignOut, staleFormText } from './stale-form.ts'
import { texts } from './texts.ts'

export interface SignInOptions {
  site: Site
  signIn: SignIn
  sessions: Sessions
  startSession: StartSession
  deviceCookies: DeviceCookies
  signInContextOf: SignInContextOf
}

interface Attempt {
  next: string | undefined
  email?: string | undefined
}

/** Signing in and out. */
export function signInRoutes({
  site,
  signIn,
  sessions,
  startSession,
  deviceCookies,
  signInContextOf,
}: SignInOptions): FastifyPluginAsync {
  const { base, sessionCookie, cookieOptions } = site

  async function form(reply: FastifyReply, { next, email }: Attempt, refusal?: { status: number; message: string }) {
    const context = next === undefined ? undefined : await signInContextOf(next)
    const options = { status: refusal?.status ?? 200, redirects: context !== undefined }
    const data = { title: texts.signIn.title, next, email, app: context?.app, refusal: refusal?.message }
    return reply.page('sign-in.eta', data, options)
  }

  async function signInUser(request: FastifyRequest, reply: FastifyReply, email: string, password: string) {
    const device = deviceCookies.read(request.cookies[site.deviceCookie], email)
    const user = await signIn(email, password, { peer: peerOf(request), device })
    setActor({ userId: user.id })
    await startSession(request, reply, user)
  }

  /**
   * Handles a form with an outdated CSRF token. If the same user is signed in already, redirects; otherwise shows a new
   * form with the e-mail address that was entered.
   */
  async function staleSignIn(error: { code?: string }, request: FastifyRequest, reply: FastifyReply) {
    if (!isStaleForm(error)) throw error
    const { email, next: wanted } = (request.body ?? {}) as Params
    const next = localPath(wanted)
    const user = request.signedIn?.user
    if (user && email !== undefined && normalizeEmail(email) === user.email) {
      return reply.redirect(next ?? `${base}/tokens`, 303)
    }
    return form(reply, { next, email }, { status: 403, message: staleFormText(error) })
  }

  return async app => {
    allowPopups(app)
    app.get('/login', { schema: { hide: true } as never }, async (request, reply) => {
      const next = localPath((request.query as Params).next)
      if (request.signedIn && next === undefined) return reply.page('signed-in.eta', { title: texts.signedIn.title })
      return form(reply, { next })
    })

    const signInOptions = { preHandler: app.csrfProtection, schema: { hide: true } as never, errorHandler: staleSignIn }
    app.post('/login', signInOptions, async (request, reply) => {
      const { email, password, ...rest } = (request.body ?? {}) as Params
      const next = localPath(rest.next)
      if (email === undefined || password === undefined) {
        return form(reply, { next, email }, { status: 400, message: texts.signIn.missing })
      }
      try {
        await signInUser(request, reply, email, password)
      } catch (error) {
        if (!(error instanceof PosternError) || error.status >= 500) throw error
        reply.headers(error.headers)
        return form(reply, { next, email }, error)
      }
      return reply.redirect(next ?? `${base}/tokens`, 303)
    })

    const errorHandler = redirectOnSignOut(base)
    const signOut = { preHandler: app.csrfProtection, schema: { hide: true } as never, errorHandler }
    app.post('/logout', signOut, async (request, reply) => {
      const text = request.cookies[sessionCookie]
      if (text !== undefined) await sessions.end(text)
      return reply.clearCookie(sessionCookie, cookieOptions).redirect(`${base}/login`, 303)
    })
  }
}
