import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import type { Params } from '../grants/grant.ts'
import { isFresh } from '../users/sessions.ts'
import { type ConfirmPageOptions, createConfirmPage } from './confirm-page.ts'
import { allowPopups } from './popup.ts'
import { requireSignedIn, signedInOf } from './signed-in.ts'
import { localPath } from './site.ts'
import type { ResubmittedForm } from './stale-form.ts'
import { texts } from './texts.ts'

/** Path of the page that asks signed-in users to confirm who they are, and then continues at `next`. */
export const CONFIRM = '/confirm'
/** Path of the page with the form that a confirmation at a provider has interrupted. */
export const CONFIRM_RESUME = '/confirm/resume'

export type ConfirmRoutesOptions = ConfirmPageOptions

/** Confirmations that no form leads to: before a request that gives access without asking, and after a provider. */
export function confirmRoutes(options: ConfirmRoutesOptions): FastifyPluginAsync {
  const { site, heldForms } = options
  const page = createConfirmPage(options)
  const home = `${site.base}/tokens`

  const formFor = (next: string): ResubmittedForm => ({
    action: site.base + CONFIRM,
    fields: [['next', next]],
    passwords: [],
  })

  const held = async ({ cookies }: FastifyRequest) => {
    const text = cookies[site.sessionCookie]
    return text === undefined ? undefined : heldForms.find<ResubmittedForm>(text)
  }

  return async app => {
    allowPopups(app)
    requireSignedIn(app, { site })

    app.get(CONFIRM, async (request, reply) => {
      const next = localPath((request.query as Params).next) ?? home
      if (isFresh(signedInOf(request).session)) return reply.redirect(next, 303)
      return page.show(reply, formFor(next), next, { refusal: { status: 200, message: '' }, redirects: true })
    })

    app.post(CONFIRM, async (request, reply) => {
      const fields = (request.body ?? {}) as Params
      const next = localPath(fields.next) ?? home
      const refusal = await page.check(request)
      return refusal ? page.show(reply, formFor(next), next, { refusal, redirects: true }) : reply.redirect(next, 303)
    })

    app.get(CONFIRM_RESUME, async (request, reply) => {
      const form = await held(request)
      if (!form) return reply.redirect(home, 303)
      if (!isFresh(signedInOf(request).session)) return page.show(reply, form, site.base + CONFIRM_RESUME)
      const redirects = form.action.startsWith(`${site.base}/oauth/`)
      return reply.page('confirm-resume.eta', { title: texts.confirm.resume, form }, { redirects })
    })
  }
}
