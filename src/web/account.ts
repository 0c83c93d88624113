import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import type { Config } from '../config/config.ts'
import { checkAllAsync } from '../errors/errors.ts'
import type { Params } from '../grants/grant.ts'
import { peerOf } from '../http/forwarded.ts'
import { validateName } from '../text/name.ts'
import type { AccountMail } from '../users/account-mail.ts'
import { type ConfirmPasswordOptions, createConfirmPassword } from '../users/confirm-password.ts'
import type { DeviceCookies } from '../users/device-cookies.ts'
import { normalizeEmail, validateEmail } from '../users/emails.ts'
import { mayHaveFactors } from '../users/factors/policy.ts'
import { localUser } from '../users/local-user.ts'
import { MIN_PASSWORD_LENGTH } from '../users/passwords.ts'
import type { Sessions } from '../users/sessions.ts'
import { accountSessions, sessionView } from './account-sessions.ts'
import { checkNewPasswords } from './check-new-passwords.ts'
import { type ConfirmOptions, createConfirm } from './confirm.ts'
import { formErrorOf } from './form-error.ts'
import { authenticationOf, type StartSession } from './session.ts'
import { createSignInOriginOf } from './sign-in-origin.ts'
import { requireSignedIn, signedInOf } from './signed-in.ts'
import type { Site } from './site.ts'
import { texts } from './texts.ts'

export interface AccountPagesOptions extends ConfirmOptions, ConfirmPasswordOptions {
  accountMail: AccountMail
  sessions: Sessions
  deviceCookies: DeviceCookies
  site: Site
  startSession: StartSession
  config: Pick<Config, 'passwords' | 'oidc'>
}

const text = texts.account

/** The account page: name, e-mail address, password and sessions. */
export function accountPages(options: AccountPagesOptions): FastifyPluginAsync {
  const { accountMail, users, sessions, site, startSession } = options
  const originOf = createSignInOriginOf(options)
  const confirmPassword = createConfirmPassword(options)

  async function accountPage(request: FastifyRequest, reply: FastifyReply, more: object = {}) {
    const { user, session } = signedInOf(request)
    const rows = await sessions.list(user.id)
    const data = {
      title: text.title,
      section: 'account',
      name: user.name,
      email: user.email,
      security: mayHaveFactors(user, options.config),
      shortest: String(MIN_PASSWORD_LENGTH),
      sessions: rows.map(row => sessionView(row, session.id)),
    } as const
    return reply.page('account.eta', { ...data, ...more })
  }

  /** Processes a form. When it is invalid, the page is shown again with the error beside that form. */
  async function attempt(
    request: FastifyRequest,
    reply: FastifyReply,
    form: 'profile' | 'password',
    work: (fields: Params) => Promise<FastifyReply>,
  ) {
    const fields = (request.body ?? {}) as Params
    try {
      return await work(fields)
    } catch (error) {
      const refusal = formErrorOf(error)
      return accountPage(request, reply, { ...(form === 'profile' && filledIn(fields)), refused: form, refusal })
    }
  }

  return async app => {
    requireSignedIn(app, { site })
    app.addHook('preHandler', createConfirm({ ...options, isSensitive: changesSignIn }))
    await app.register(accountSessions({ sessions, site }))

    app.get('/account', (request, reply) => accountPage(request, reply))

    app.post('/account', (request, reply) =>
      attempt(request, reply, 'profile', async ({ name = '', email = '', current_password }) => {
        const user = localUser(signedInOf(request).user)
        const emailChanged = normalizeEmail(email) !== normalizeEmail(user.email)
        await checkAllAsync({
          name: async () => validateName(name),
          email: async () => emailChanged && validateEmail(email),
          current: async () =>
            emailChanged && (await confirmPassword(user.id, originOf(request, user.email), current_password)),
        })
        const { sent } = await accountMail.changeProfile(
          user.id,
          { name, ...(emailChanged && { email }) },
          peerOf(request),
        )
        return sent
          ? reply.redirectTo('/account', 'emailRequested', { email })
          : reply.redirectTo('/account', 'profileChanged')
      }),
    )

    app.post('/account/password', (request, reply) =>
      attempt(request, reply, 'password', async ({ current_password, password = '', password_confirmation = '' }) => {
        const signedIn = signedInOf(request)
        const user = localUser(signedIn.user)
        await checkAllAsync({
          passwords: async () => checkNewPasswords({ password, password_confirmation }, user),
          current: () => confirmPassword(user.id, originOf(request, user.email), current_password),
        })
        await users.setPassword(user.id, password)
        // setPassword ended all sessions, including this one.
        await startSession(request, reply, await users.find(user.id), authenticationOf(signedIn))
        return reply.redirectTo('/account', 'passwordChanged')
      }),
    )
  }
}

const filledIn = ({ name, email }: Params) => ({
  ...(name !== undefined && { name }),
  ...(email !== undefined && { email }),
})

/** A new password or address, of a user who has a second factor. The password is asked for in the form itself. */
function changesSignIn({ email }: Params, request: FastifyRequest): boolean {
  const { user, hasFactors } = signedInOf(request)
  const changesEmail = email !== undefined && normalizeEmail(email) !== normalizeEmail(user.email ?? '')
  // By the route: the URL of a request may have a query and escapes.
  return hasFactors && (changesEmail || request.routeOptions.url?.endsWith('/account/password') === true)
}
