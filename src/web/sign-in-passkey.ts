import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import { setActor } from '../audit/actor.ts'
import type { Config } from '../config/config.ts'
import { PosternError, wrongPasskey } from '../errors/errors.ts'
import type { Params } from '../grants/grant.ts'
import { peerOf } from '../http/forwarded.ts'
import type { Factors } from '../users/factors/factors.ts'
import { mayHaveFactors } from '../users/factors/policy.ts'
import type { Throttle } from '../users/throttle.ts'
import type { User } from '../users/user.entity.ts'
import { translateMessage } from './messages.ts'
import { passkeyBrowserOf } from './passkey-field.ts'
import { allowPopups } from './popup.ts'
import type { StartSession } from './session.ts'
import type { SignInForm } from './sign-in-form.ts'
import { localPath, type Site } from './site.ts'
import { isStaleForm, staleFormText } from './stale-form.ts'
import { texts } from './texts.ts'

export interface SignInPasskeyOptions {
  site: Site
  factors: Pick<Factors, 'passkeys' | 'usePasskey'>
  throttle: Pick<Throttle, 'limitPasskey'>
  startSession: StartSession
  signInForm: SignInForm
  config: Pick<Config, 'passwords'>
}

/** Signing in by a passkey, without a password. */
export function signInPasskeyRoutes(options: SignInPasskeyOptions): FastifyPluginAsync {
  const { site, factors, throttle, startSession, signInForm: form, config } = options

  async function authenticate(request: FastifyRequest, fields: Params): Promise<User> {
    const browser = passkeyBrowserOf(request, site)
    if (browser === undefined || !fields.credential) throw wrongPasskey()
    const answer = { sealed: fields.challenge, credential: fields.credential }
    const user = await throttle.limitPasskey(peerOf(request), () => factors.usePasskey(browser, answer))
    if (!mayHaveFactors(user, config)) throw wrongPasskey()
    return user
  }

  return async app => {
    if (!factors.passkeys || config.passwords === 'off') return
    allowPopups(app)
    const errorHandler = async (error: { code?: string }, request: FastifyRequest, reply: FastifyReply) => {
      if (!isStaleForm(error)) throw error
      const next = localPath(((request.body ?? {}) as Params).next)
      return form(reply, { next }, { status: 403, message: staleFormText(error) })
    }
    const signInOptions = { preHandler: app.csrfProtection, schema: { hide: true } as never, errorHandler }
    app.post('/login/passkey', signInOptions, async (request, reply) => {
      const fields = (request.body ?? {}) as Params
      const next = localPath(fields.next)
      try {
        const user = await authenticate(request, fields)
        setActor({ userId: user.id })
        await startSession(request, reply, user, { methods: ['passkey'] })
      } catch (error) {
        if (!(error instanceof PosternError) || error.status >= 500) throw error
        reply.headers(error.headers)
        const message = error.status === 422 ? texts.signIn.expired : translateMessage(error.message)
        return form(reply, { next }, { status: error.status === 422 ? 400 : error.status, message })
      }
      return reply.redirect(next ?? `${site.base}/tokens`, 303)
    })
  }
}
