import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Params } from '../grants/grant.ts'
import { isFresh } from '../users/sessions.ts'
import { type ConfirmPageOptions, createConfirmPage } from './confirm-page.ts'
import { CONFIRM_RESUME } from './confirm-routes.ts'
import type { FormError } from './form-error.ts'
import { signedInOf } from './signed-in.ts'
import { toResubmittedForm } from './stale-form.ts'

export interface ConfirmOptions extends ConfirmPageOptions {
  /** Which forms need a confirmation. Default: all. */
  isSensitive?: (fields: Params, request: FastifyRequest) => boolean | Promise<boolean>
  /** As for `reply.page`. */
  redirects?: boolean
}

/**
 * Requires users to confirm who they are before a form of this context is processed, unless they did in the last ten minutes
 * (OWASP ASVS 7.5.3). The confirmation page contains the fields of the form, except passwords; a user who confirms it at a
 * provider finds the form afterwards. It is a hook for after the check of the CSRF token.
 */
export function createConfirm(options: ConfirmOptions) {
  const { heldForms, site, isSensitive = () => true, redirects = false } = options
  const page = createConfirmPage(options)

  async function show(request: FastifyRequest, reply: FastifyReply, refusal?: FormError) {
    const action = site.absoluteUrl(request.url)
    const form = toResubmittedForm(request, action) ?? { action, fields: [], passwords: [] }
    const text = request.cookies[site.sessionCookie]
    if (signedInOf(request).session.provider && text !== undefined) await heldForms.hold(text, form)
    return page.show(reply, form, site.base + CONFIRM_RESUME, { refusal, redirects })
  }

  return async (request: FastifyRequest, reply: FastifyReply) => {
    const body = (request.body ?? {}) as Params
    if (request.method !== 'POST' || !(await isSensitive(body, request))) return
    const isConfirming = page.isConfirming(body)
    if (!isConfirming && isFresh(signedInOf(request).session)) return
    const refusal = isConfirming ? await page.check(request) : undefined
    if (refusal || !isConfirming) return reply.send(await show(request, reply, refusal))
  }
}
