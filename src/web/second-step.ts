import { randomBytes } from 'node:crypto'
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import { setActor } from '../audit/actor.ts'
import { PosternError } from '../errors/errors.ts'
import type { Params } from '../grants/grant.ts'
import type { KeyRing } from '../security/key-ring.ts'
import { hashSecret } from '../security/secrets.ts'
import type { DeviceCookies } from '../users/device-cookies.ts'
import type { Factors } from '../users/factors/factors.ts'
import { createSeal } from '../users/factors/seal.ts'
import type { CheckCode } from '../users/factors/second-factor.ts'
import type { Throttle } from '../users/throttle.ts'
import { labelOf, type User } from '../users/user.entity.ts'
import type { Users } from '../users/users.ts'
import type { FormError } from './form-error.ts'
import { translateMessage } from './messages.ts'
import { factorFields } from './passkey-field.ts'
import { allowPopups } from './popup.ts'
import type { StartSession } from './session.ts'
import { createSignInOriginOf } from './sign-in-origin.ts'
import type { Site } from './site.ts'
import { isStaleForm, staleFormText } from './stale-form.ts'
import { texts } from './texts.ts'

/** A sign-in whose password was right, kept by the browser until the second factor is shown too. */
interface SecondStep {
  user: string
  /** SHA-256 of the password's hash: a new password ends the sign-in. */
  password: string
  /** Path to return to. */
  next: string | undefined
  /** Binds the challenge for a passkey to this sign-in. */
  browser: string
}

const SECONDS = 600
export const SECOND_STEP = '/login/second-step'

export interface SecondStepOptions {
  site: Site
  keyRing: KeyRing
  users: Users
  factors: Factors
  checkCode: CheckCode
  throttle: Throttle
  deviceCookies: DeviceCookies
  startSession: StartSession
}

/** Continues a sign-in at the page that asks for the second factor. */
export type BeginSecondStep = (reply: FastifyReply, user: User, next: string | undefined) => Promise<FastifyReply>

const hidden = { schema: { hide: true } as never }

/** The second step of a sign-in by password, for users with a second factor. */
export function createSecondStep(options: SecondStepOptions): { begin: BeginSecondStep; routes: FastifyPluginAsync } {
  const { site, keyRing, users, factors, checkCode, throttle } = options
  const seal = createSeal<SecondStep>(keyRing, 'postern second step', SECONDS)
  const originOf = createSignInOriginOf(options)

  const begin: BeginSecondStep = async (reply, user, next) => {
    const browser = randomBytes(16).toString('base64url')
    const text = await seal.seal({ user: user.id, password: markOf(user), next, browser })
    reply.setCookie(site.secondStepCookie, text, { ...site.cookieOptions, maxAge: SECONDS })
    return reply.redirect(site.base + SECOND_STEP, 303)
  }

  const expired = (reply: FastifyReply) => reply.redirect(`${site.base}/login`, 303)
  /** The sign-in and its user; undefined if it has expired, or the user has changed. */
  async function read(request: FastifyRequest) {
    const step = await seal.open(request.cookies[site.secondStepCookie])
    if (!step) return undefined
    const user = await users.find(step.user).catch(() => undefined)
    return user && !user.disabledAt && markOf(user) === step.password ? { step, user } : undefined
  }

  async function form(reply: FastifyReply, { step, user }: Pending, refusal?: FormError) {
    const data = {
      title: texts.secondStep.title,
      email: labelOf(user),
      ...(await factorFields(factors, step.browser, user.id)),
      refusal,
    }
    return reply.page('second-step.eta', data, { redirects: step.next !== undefined })
  }

  /** @throws 401 for what is wrong; 422; 429 */
  async function verify(request: FastifyRequest, { step, user }: Pending, fields: Params): Promise<string> {
    const from = originOf(request, labelOf(user))
    const { code = '', challenge: sealed, credential } = fields
    if (!credential) return checkCode(user, code, from)
    await throttle.limitPasskey(from.peer, () => factors.usePasskey(step.browser, { sealed, credential }, user.id))
    return 'passkey'
  }

  async function submit(request: FastifyRequest, reply: FastifyReply) {
    const pending = await read(request)
    if (!pending) return expired(reply)
    const { step, user } = pending
    setActor({ userId: user.id })
    try {
      const method = await verify(request, pending, (request.body ?? {}) as Params)
      await options.startSession(request, reply, user, { methods: ['pwd', method] })
    } catch (error) {
      if (!(error instanceof PosternError) || error.status >= 500) throw error
      return form(reply, pending, refusedStep(error, request))
    }
    reply.clearCookie(site.secondStepCookie, site.cookieOptions)
    return reply.redirect(step.next ?? `${site.base}/tokens`, 303)
  }

  async function stale(error: { code?: string }, request: FastifyRequest, reply: FastifyReply) {
    if (!isStaleForm(error)) throw error
    const pending = await read(request)
    return pending ? form(reply, pending, { status: 403, message: staleFormText(error) }) : expired(reply)
  }

  return {
    begin,
    routes: async app => {
      allowPopups(app)
      app.get(SECOND_STEP, hidden, async (request, reply) => {
        const pending = await read(request)
        return pending ? form(reply, pending) : expired(reply)
      })
      app.post(SECOND_STEP, { ...hidden, preHandler: app.csrfProtection, errorHandler: stale }, submit)
    },
  }
}

interface Pending {
  step: SecondStep
  user: User
}

/** What is wrong with the code stands beside it. */
function refusedStep({ status, message, headers, extra }: PosternError, { body }: FastifyRequest): FormError {
  const text = translateMessage(message)
  const isCode = !(body as Params | undefined)?.credential && (status === 401 || extra.errors !== undefined)
  return { status, headers, ...(isCode ? { errors: { code: text } } : { message: text }) }
}

const markOf = ({ passwordHash }: User): string => hashSecret(passwordHash).toString('base64url')
