import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import { signedOut } from '../errors/errors.ts'
import type { Device, DeviceRequest } from '../grants/device.ts'
import type { Params } from '../grants/grant.ts'
import type { ClientPolicy } from '../grants/policy.ts'
import { readUserCode, showUserCode } from '../grants/user-code.ts'
import { peerOf } from '../http/forwarded.ts'
import type { SafeUser } from '../users/user.entity.ts'
import { ACCESS_FIELD, type AccessConfig, chosenAccess } from './access-duration.ts'
import { type ConfirmOptions, createConfirm } from './confirm.ts'
import { type ConsentView, checkedScopes } from './consent.ts'
import { type FormError, fieldErrors } from './form-error.ts'
import { phrase } from './phrase.ts'
import { allowPopups } from './popup.ts'
import { approvesAdminScope } from './scope-choice.ts'
import { type Site, signInPath } from './site.ts'
import { isStaleForm, staleFormText } from './stale-form.ts'
import { texts } from './texts.ts'

export interface DeviceRoutesOptions extends Omit<ConfirmOptions, 'config'> {
  site: Site
  device: Device
  policy: ClientPolicy
  consentView: ConsentView
  config: AccessConfig & ConfirmOptions['config']
}

const text = texts.device

/** The code as the device shows it, whatever the user typed. */
const formatUserCode = (userCode: string) => showUserCode(readUserCode(userCode) ?? userCode)

function enteredCode({ query }: FastifyRequest): string | undefined {
  const { user_code: code } = query as Record<string, unknown>
  return typeof code === 'string' && code !== '' ? code : undefined
}

const codeForm = (reply: FastifyReply, typed?: string, refusal?: FormError) =>
  reply.page('device.eta', { title: text.title, typed, refusal })

const wrongCode = (message: string) => fieldErrors({ user_code: message })

/** Where users enter the code that a device shows, and authorize the device (RFC 8628 §3.3). */
export function deviceRoutes(options: DeviceRoutesOptions): FastifyPluginAsync {
  const { site, device, policy, consentView, config } = options
  const path = `${site.base}/device`

  const withCode = (userCode: string) => `${path}?user_code=${encodeURIComponent(userCode)}`

  const requestedScopes = ({ client, scopes }: DeviceRequest, user: SafeUser) =>
    policy.limit(policy.downscope(client, scopes, undefined, user.role), user)

  /** The form contains the code rather than an id, so the request is looked up again when it is submitted. */
  async function confirmation(
    reply: FastifyReply,
    pending: DeviceRequest,
    user: SafeUser,
    userCode: string,
    refusal?: FormError,
  ) {
    const view = await consentView({ ...pending, scopes: requestedScopes(pending, user) }, user)
    const other = signInPath(site, withCode(userCode))
    const codeHtml = phrase(text.code, { code: formatUserCode(userCode) })
    const data = { ...view, userCode, other, codeHtml, refusal }
    return reply.page('device-confirm.eta', data)
  }

  /** Handles an outdated form: shows the confirmation page again, or a link to sign in. */
  async function staleDecision(error: { code?: string }, request: FastifyRequest, reply: FastifyReply) {
    if (!isStaleForm(error)) throw error
    const message = staleFormText(error)
    const { user_code: userCode } = (request.body ?? {}) as Params
    if (!request.signedIn) {
      const signIn = signInPath(site, userCode === undefined ? path : withCode(userCode))
      return reply.page('error.eta', { title: texts.error.title, detail: message, signIn }, { status: 403 })
    }
    if (userCode === undefined) return codeForm(reply, undefined, { status: 403, message })
    const pending = await device.find(userCode, peerOf(request))
    if (!pending) return codeForm(reply, userCode, { ...wrongCode(text.unknown), status: 403 })
    return confirmation(reply, pending, request.signedIn.user, userCode, { status: 403, message })
  }

  async function submit(reply: FastifyReply, request: FastifyRequest, user: SafeUser, fields: Params) {
    const { user_code, decision } = fields
    if (user_code === undefined) return codeForm(reply, undefined, wrongCode(text.missing))
    const pending = await device.find(user_code, peerOf(request))
    if (!pending) return codeForm(reply, user_code, wrongCode(text.unknown))
    if (decision !== 'approve' && decision !== 'deny') return confirmation(reply, pending, user, user_code)
    if (decision === 'deny') await device.deny(pending.id, user)
    else {
      const scopes = checkedScopes(requestedScopes(pending, user), fields)
      if (!scopes) return confirmation(reply, pending, user, user_code, { status: 400, message: texts.consent.none })
      const accessSeconds = chosenAccess(pending.client, fields[ACCESS_FIELD], config)
      await device.approve(pending.id, user, scopes, accessSeconds)
    }
    return reply.page('device-done.eta', { title: text.done[decision], detail: text.back })
  }

  return async app => {
    allowPopups(app)
    app.get('/device', { schema: { hide: true } as never }, async (request, reply) => {
      const userCode = enteredCode(request)
      const { signedIn } = request
      if (!signedIn) {
        return reply.redirect(signInPath(site, userCode === undefined ? path : withCode(userCode)), 303)
      }
      if (userCode === undefined) return codeForm(reply)
      return submit(reply, request, signedIn.user, { user_code: userCode })
    })

    const confirmUser = createConfirm({ ...options, isSensitive: approvesAdminScope })
    const confirm = {
      preHandler: [app.csrfProtection, confirmUser],
      schema: { hide: true } as never,
      errorHandler: staleDecision,
    }
    app.post('/device', confirm, async (request, reply) => {
      if (!request.signedIn) throw signedOut()
      return submit(reply, request, request.signedIn.user, (request.body ?? {}) as Params)
    })
  }
}
