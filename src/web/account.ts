import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import { invalid } from '../errors/errors.ts'
import type { Params } from '../grants/grant.ts'
import { peerOf } from '../http/forwarded.ts'
import { createConfirmPassword } from '../users/confirm-password.ts'
import { normalizeEmail } from '../users/emails.ts'
import { MIN_PASSWORD_LENGTH, normalizePassword } from '../users/passwords.ts'
import type { Session } from '../users/session.entity.ts'
import type { Sessions } from '../users/sessions.ts'
import type { Throttle } from '../users/throttle.ts'
import type { Users } from '../users/users.ts'
import { deviceName } from './device-name.ts'
import { asWritten } from './phrase.ts'
import type { StartSession } from './session.ts'
import { formErrorOf, requireSignedIn, signedInOf } from './signed-in.ts'
import type { Site } from './site.ts'
import { texts } from './texts.ts'

export interface AccountPagesOptions {
  users: Users
  throttle: Throttle
  sessions: Sessions
  site: Site
  startSession: StartSession
}

const text = texts.account

/** The account page: name, e-mail address, password and sessions. */
export function accountPages({
  users,
  throttle,
  sessions,
  site,
  startSession,
}: AccountPagesOptions): FastifyPluginAsync {
  const confirmPassword = createConfirmPassword(users, throttle)

  async function accountPage(request: FastifyRequest, reply: FastifyReply, more: object = {}, status = 200) {
    const { user, session } = signedInOf(request)
    const rows = await sessions.list(user.id)
    return reply.page(
      'account.eta',
      {
        title: text.title,
        section: 'account',
        name: user.name,
        email: user.email,
        shortest: String(MIN_PASSWORD_LENGTH),
        sessions: rows.map(row => sessionView(row, session.id)),
        ...more,
      },
      { status },
    )
  }

  /** Processes a form. When it is invalid, the page is shown again with the error beside that form. */
  async function attempt(
    request: FastifyRequest,
    reply: FastifyReply,
    form: 'who' | 'password',
    work: (fields: Params) => Promise<FastifyReply>,
  ) {
    const fields = (request.body ?? {}) as Params
    try {
      return await work(fields)
    } catch (error) {
      const { status, message } = formErrorOf(error)
      const { name, email } = form === 'who' ? fields : {}
      const unchanged = { ...(name !== undefined && { name }), ...(email !== undefined && { email }) }
      return accountPage(request, reply, { ...unchanged, refused: form, refusal: message }, status)
    }
  }

  return async app => {
    requireSignedIn(app, { site })

    app.get('/account', (request, reply) => accountPage(request, reply))

    app.post('/account', (request, reply) =>
      attempt(request, reply, 'who', async ({ name = '', email = '', current_password }) => {
        const { user } = signedInOf(request)
        const emailChanged = normalizeEmail(email) !== normalizeEmail(user.email)
        if (emailChanged) await confirmPassword(user.id, peerOf(request), current_password)
        await users.update(user.id, { name, ...(emailChanged && { email }) })
        return reply.goOn('/account', 'accountChanged')
      }),
    )

    app.post('/account/password', (request, reply) =>
      attempt(request, reply, 'password', async ({ current_password, password = '', password_confirmation = '' }) => {
        const { user } = signedInOf(request)
        if (normalizePassword(password) !== normalizePassword(password_confirmation))
          throw invalid({ path: '', message: text.password.differ })
        await confirmPassword(user.id, peerOf(request), current_password)
        await users.setPassword(user.id, password)
        // setPassword ended all sessions, including this one.
        await startSession(request, reply, await users.find(user.id))
        return reply.goOn('/account', 'passwordChanged')
      }),
    )

    app.post('/account/sessions/:id/end', async (request, reply) => {
      const { user, session } = signedInOf(request)
      const { id } = request.params as { id: string }
      await sessions.endOne(user.id, id)
      return id === session.id ? signedOut(reply) : reply.goOn('/account', 'sessionEnded')
    })

    app.post('/account/sessions/end', async (request, reply) => {
      await sessions.endAll(signedInOf(request).user.id)
      return signedOut(reply)
    })
  }

  function signedOut(reply: FastifyReply) {
    return reply.clearCookie(site.sessionCookie, site.cookieOptions).redirect(`${site.base}/login`, 303)
  }
}

function sessionView({ id, address, userAgent, createdAt, lastSeenAt }: Session, current: string) {
  const device = asWritten(deviceName(userAgent))
  return { id, device, userAgent: asWritten(userAgent), address, createdAt, lastSeenAt, here: id === current }
}
