import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Params } from '../grants/grant.ts'
import { peerOf } from '../http/forwarded.ts'
import { createConfirmPassword } from '../users/confirm-password.ts'
import { isFresh, type Sessions } from '../users/sessions.ts'
import type { Throttle } from '../users/throttle.ts'
import type { Users } from '../users/users.ts'
import { type FormError, formErrorOf, signedInOf } from './signed-in.ts'
import type { Site } from './site.ts'
import { toResubmittedForm } from './stale-form.ts'
import { texts } from './texts.ts'

/** The field with the user's password, which is added to those of the form. */
const FIELD = 'own_password'

export interface ConfirmOptions {
  users: Users
  throttle: Throttle
  sessions: Pick<Sessions, 'confirm'>
  site: Site
  /** Which forms need a confirmation. Default: all. */
  isSensitive?: (fields: Params) => boolean
}

/**
 * Requires the password again before a form of this context is processed, unless it was confirmed in the last ten minutes
 * (OWASP ASVS 7.5.3). The confirmation page contains the fields of the form, except passwords. It is a hook for after the
 * check of the CSRF token.
 */
export function createConfirm({ users, throttle, sessions, site, isSensitive = () => true }: ConfirmOptions) {
  const confirmPassword = createConfirmPassword(users, throttle)

  function confirmPage(request: FastifyRequest, reply: FastifyReply, refusal?: FormError) {
    const form = toResubmittedForm(request, site.absoluteUrl(request.url)) ?? {
      action: site.absoluteUrl(request.url),
      fields: [],
      passwords: [],
    }
    const passwords = form.passwords.filter(name => name !== FIELD)
    const data = { title: texts.confirm.title, form: { ...form, passwords }, refusal: refusal?.message }
    return reply.page('confirm.eta', data, { status: refusal?.status ?? 403 })
  }

  return async (request: FastifyRequest, reply: FastifyReply) => {
    const body = (request.body ?? {}) as Params
    if (request.method !== 'POST' || !isSensitive(body)) return
    const { session, user } = signedInOf(request)
    const { [FIELD]: password, ...rest } = body
    if (password === undefined && isFresh(session)) return
    if (password === undefined) return reply.send(await confirmPage(request, reply))
    try {
      await confirmPassword(user.id, peerOf(request), password, FIELD)
    } catch (error) {
      const { status } = formErrorOf(error)
      const message = status === 429 ? formErrorOf(error).message : texts.confirm.wrong
      return reply.send(await confirmPage(request, reply, { status, message }))
    }
    await sessions.confirm(session.id)
    request.body = rest
  }
}
