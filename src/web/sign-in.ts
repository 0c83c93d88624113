import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import { setActor } from '../audit/actor.ts'
import { PosternError } from '../errors/errors.ts'
import type { Params } from '../grants/grant.ts'
import type { DeviceCookies } from '../users/device-cookies.ts'
import { normalizeEmail } from '../users/emails.ts'
import type { Factors } from '../users/factors/factors.ts'
import type { CheckPassword } from '../users/sign-in.ts'
import { fieldErrors } from './form-error.ts'
import { translateMessage } from './messages.ts'
import { allowPopups } from './popup.ts'
import type { BeginSecondStep } from './second-step.ts'
import type { StartSession } from './session.ts'
import type { SignInForm } from './sign-in-form.ts'
import { createSignInOriginOf } from './sign-in-origin.ts'
import { localPath, type Site } from './site.ts'
import { isStaleForm, staleFormText } from './stale-form.ts'
import { texts } from './texts.ts'

export interface SignInOptions {
  site: Site
  checkPassword: CheckPassword
  factors: Pick<Factors, 'has'>
  beginSecondStep: BeginSecondStep
  startSession: StartSession
  deviceCookies: DeviceCookies
  signInForm: SignInForm
}

interface SignInFields {
  email: string
  password: string
  next: string | undefined
}

/** Signing in by password. */
export function signInRoutes(options: SignInOptions): FastifyPluginAsync {
  const { site, checkPassword, factors, beginSecondStep, startSession, signInForm: form } = options
  const originOf = createSignInOriginOf(options)
  const { base } = site

  async function signInUser(request: FastifyRequest, reply: FastifyReply, { email, password, next }: SignInFields) {
    const user = await checkPassword(email, password, originOf(request, email))
    setActor({ userId: user.id })
    if (await factors.has(user.id)) return beginSecondStep(reply, user, next)
    await startSession(request, reply, user)
    return reply.redirect(next ?? `${base}/tokens`, 303)
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
        const { missing } = texts.signIn
        const errors = {
          ...(email === undefined && { email: missing.email }),
          ...(password === undefined && { password: missing.password }),
        }
        return form(reply, { next, email }, fieldErrors(errors))
      }
      try {
        return await signInUser(request, reply, { email, password, next })
      } catch (error) {
        if (!(error instanceof PosternError) || error.status >= 500) throw error
        reply.headers(error.headers)
        return form(reply, { next, email }, { status: error.status, message: translateMessage(error.message) })
      }
    })
  }
}
