import type { FastifyInstance, FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import { setActor } from '../audit/actor.ts'
import type { Params } from '../grants/grant.ts'
import { peerOf } from '../http/forwarded.ts'
import type { AccountMail } from '../users/account-mail.ts'
import { localUser } from '../users/local-user.ts'
import { MIN_PASSWORD_LENGTH } from '../users/passwords.ts'
import type { Throttle } from '../users/throttle.ts'
import { checkNewPasswords } from './check-new-passwords.ts'
import { type FormError, fieldErrors, formErrorOf } from './form-error.ts'
import { requireSignedIn, signedInOf } from './signed-in.ts'
import type { Site } from './site.ts'
import { texts } from './texts.ts'

export interface LinkPagesOptions {
  site: Site
  accountMail: AccountMail
  throttle: Throttle
  mail: { readonly enabled: boolean }
}

const hidden = { schema: { hide: true } as never }

/** The pages that links in mails open, and the one that asks for such a link. */
export function linkPages(options: LinkPagesOptions): FastifyPluginAsync {
  return async app => {
    if (options.mail.enabled) forgotPassword(app, options)
    choosePassword(app, options)
    await app.register(confirmEmail(options))
  }
}

/** Asks for a link to choose a new password. The response is the same whether or not there is such a user. */
function forgotPassword(app: FastifyInstance, { accountMail, throttle }: LinkPagesOptions): void {
  const text = texts.forgotPassword
  const form = (reply: FastifyReply, email?: string, refusal?: FormError) =>
    reply.page('forgot-password.eta', { title: text.title, email, refusal })

  app.get('/forgot-password', hidden, (request, reply) => form(reply, (request.query as Params).email))

  app.post('/forgot-password', { ...hidden, preHandler: app.csrfProtection }, async (request, reply) => {
    const { email = '' } = (request.body ?? {}) as Params
    if (!email.includes('@') || email.length > 254) return form(reply, email, fieldErrors({ email: text.missing }))
    try {
      if (await throttle.limitMails('reset', peerOf(request), email)) await accountMail.requestReset(email)
    } catch (error) {
      return form(reply, email, formErrorOf(error))
    }
    return reply.page('forgot-password.eta', { title: text.sent.title, sentTo: email })
  })
}

/** Chooses a password by a link: of a reset, or of an invitation. */
function choosePassword(app: FastifyInstance, { site, accountMail }: LinkPagesOptions): void {
  const text = texts.resetPassword

  async function form(reply: FastifyReply, link: string, refusal?: FormError) {
    const { email } = await accountMail.userOf(link)
    const data = { title: text.title, link, email, shortest: String(MIN_PASSWORD_LENGTH), refusal }
    return reply.page('reset-password.eta', data)
  }

  app.get('/reset-password', hidden, (request, reply) => form(reply, (request.query as Params).link ?? ''))

  app.post('/reset-password', { ...hidden, preHandler: app.csrfProtection }, async (request, reply) => {
    const { link = '', password = '', password_confirmation = '' } = (request.body ?? {}) as Params
    setActor({ userId: (await accountMail.userOf(link)).id })
    try {
      checkNewPasswords({ password, password_confirmation }, localUser(await accountMail.userOf(link)))
      await accountMail.choosePassword(link, password)
    } catch (error) {
      return form(reply, link, formErrorOf(error))
    }
    return reply.clearCookie(site.sessionCookie, site.cookieOptions).redirectTo('/login', 'passwordChosen')
  })
}

/** Confirms the user's own new address. Another person who gets the mail by a mistake cannot take over the account. */
const confirmEmail =
  ({ site, accountMail }: LinkPagesOptions): FastifyPluginAsync =>
  async app => {
    requireSignedIn(app, { site })
    const link = (request: FastifyRequest) => ((request.body ?? request.query ?? {}) as Params).link ?? ''

    app.get('/confirm-email', (request, reply) =>
      reply.page('confirm-email.eta', { title: texts.confirmEmail.title, section: 'account', link: link(request) }),
    )

    app.post('/confirm-email', async (request, reply) => {
      await accountMail.confirmEmail(signedInOf(request).user.id, link(request))
      return reply.redirectTo('/account', 'emailConfirmed')
    })
  }
