import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import { signedOut } from '../errors/errors.ts'
import type { Device, DeviceRequest } from '../grants/device.ts'
import type { Params } from '../grants/grant.ts'
import type { ClientPolicy } from '../grants/policy.ts'
import { readUserCode, showUserCode } from '../grants/user-code.ts'
import { peerOf } from '../http/forwarded.ts'
import type { SafeUser } from '../users/user.entity.ts'
import { type ConsentView, tickedScopes } from './consent.ts'
import { phrase } from './phrase.ts'
import { allowPopups } from './popup.ts'
import { type Site, signInPath } from './site.ts'
import { isStaleForm, staleFormText } from './stale-form.ts'
import { texts } from './texts.ts'

export interface DeviceRoutesOptions {
  site: Site
  device: Device
  policy: ClientPolicy
  consentView: ConsentView
}

const text = texts.device

/** As the device shows it, however it was typed. */
const formatUserCode = (userCode: string) => showUserCode(readUserCode(userCode) ?? userCode)

/** Where people type the code that a device shows them, and let it in (RFC 8628 §3.3). */
export function deviceRoutes({ site, device, policy, consentView }: DeviceRoutesOptions): FastifyPluginAsync {
  const path = `${site.base}/device`

  const withCode = (userCode: string) => `${path}?user_code=${encodeURIComponent(userCode)}`

  const codeForm = (reply: FastifyReply, refusal?: string, status = refusal === undefined ? 200 : 400) =>
    reply.page('device.eta', { title: text.title, refusal }, { status })

  const requestedScopes = ({ client, scopes }: DeviceRequest, { role }: SafeUser) =>
    policy.downscope(client, scopes, undefined, role)

  /** The same code is looked up again with the answer: what waits under it cannot change. */
  async function confirmation(
    reply: FastifyReply,
    pending: DeviceRequest,
    user: SafeUser,
    userCode: string,
    no?: string,
    status = no === undefined ? 200 : 400,
  ) {
    const view = await consentView({ ...pending, scopes: requestedScopes(pending, user) }, user)
    const other = signInPath(site, withCode(userCode))
    const codeHtml = phrase(text.code, { code: formatUserCode(userCode) })
    const data = { ...view, userCode, other, codeHtml, refusal: no }
    return reply.page('device-confirm.eta', data, { status })
  }

  /** Handles an outdated form: shows the confirmation page again, or a link to sign in. */
  async function staleAnswer(error: { code?: string }, request: FastifyRequest, reply: FastifyReply) {
    if (!isStaleForm(error)) throw error
    const message = staleFormText(error)
    const { user_code: userCode } = (request.body ?? {}) as Params
    if (!request.signedIn) {
      const signIn = signInPath(site, userCode === undefined ? path : withCode(userCode))
      return reply.page('error.eta', { title: texts.error.title, detail: message, signIn }, { status: 403 })
    }
    if (userCode === undefined) return codeForm(reply, message, 403)
    const pending = await device.find(userCode, peerOf(request))
    if (!pending) return codeForm(reply, text.unknown, 403)
    return confirmation(reply, pending, request.signedIn.user, userCode, message, 403)
  }

  async function answer(reply: FastifyReply, request: FastifyRequest, user: SafeUser, fields: Params) {
    const { user_code, decision } = fields
    if (user_code === undefined) return codeForm(reply, text.missing)
    const pending = await device.find(user_code, peerOf(request))
    if (!pending) return codeForm(reply, text.unknown)
    if (decision !== 'approve' && decision !== 'deny') return confirmation(reply, pending, user, user_code)
    if (decision === 'deny') await device.deny(pending.id, user)
    else {
      const scopes = tickedScopes(requestedScopes(pending, user), fields)
      if (!scopes) return confirmation(reply, pending, user, user_code, texts.consent.none)
      await device.approve(pending.id, user, scopes)
    }
    return reply.page('done.eta', { title: text.done[decision], detail: text.back })
  }

  return async app => {
    allowPopups(app)
    app.get('/device', { schema: { hide: true } as never }, async (request, reply) => {
      const { user_code: enteredCode } = request.query as Record<string, unknown>
      const userCode = typeof enteredCode === 'string' && enteredCode !== '' ? enteredCode : undefined
      const { signedIn } = request
      if (!signedIn) {
        return reply.redirect(signInPath(site, userCode === undefined ? path : withCode(userCode)), 303)
      }
      if (userCode === undefined) return codeForm(reply)
      return answer(reply, request, signedIn.user, { user_code: userCode })
    })

    const confirm = { preHandler: app.csrfProtection, schema: { hide: true } as never, errorHandler: staleAnswer }
    app.post('/device', confirm, async (request, reply) => {
      if (!request.signedIn) throw signedOut()
      return answer(reply, request, request.signedIn.user, (request.body ?? {}) as Params)
    })
  }
}
