import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import { notFound } from '../../errors/errors.ts'
import type { Params } from '../../grants/grant.ts'
import type { NewApp } from '../../users/factors/authenticator-apps.ts'
import type { Factors } from '../../users/factors/factors.ts'
import { type FormError, formErrorOf } from '../form-error.ts'
import { signedInOf } from '../signed-in.ts'
import { localPath } from '../site.ts'
import { texts } from '../texts.ts'
import { qrCode } from './qr-code.ts'
import { SECURITY } from './require-factor.ts'
import type { ShowCodes } from './show-codes.ts'

export interface AuthenticatorAppPagesOptions {
  factors: Pick<Factors, 'apps' | 'list'>
  showCodes: ShowCodes
  /** Runs a change. If it is refused, shows the page of all factors with the reason. */
  attempt: (request: FastifyRequest, reply: FastifyReply, work: () => Promise<unknown>) => Promise<unknown>
}

const PATH = `${SECURITY}/authenticator-app`
const text = texts.security.app

/** Setting up and removing the authenticator app. */
export function authenticatorAppPages({
  factors,
  showCodes,
  attempt,
}: AuthenticatorAppPagesOptions): FastifyPluginAsync {
  const { apps } = factors

  function form(request: FastifyRequest, reply: FastifyReply, setup: NewApp, refusal?: FormError) {
    const { next } = (request.body ?? request.query ?? {}) as Params
    const svg = qrCode(setup.uri)
    const data = {
      title: text.title,
      section: 'account',
      setup,
      svg,
      next: localPath(next),
      refusal,
    } as const
    return reply.page('security/authenticator-app.eta', data)
  }

  return async app => {
    app.get(PATH, async (request, reply) => form(request, reply, await apps.begin(signedInOf(request))))

    app.post(PATH, (request, reply) =>
      attempt(request, reply, async () => {
        const by = signedInOf(request)
        const { setup, code = '' } = (request.body ?? {}) as Params
        const again = await apps.again(by, setup)
        try {
          const codes = await apps.add(by, setup, code)
          return codes ? showCodes(request, reply, codes) : reply.redirectTo(SECURITY, 'appAdded')
        } catch (error) {
          return form(request, reply, again, formErrorOf(error))
        }
      }),
    )

    app.post(`${PATH}/remove`, (request, reply) =>
      attempt(request, reply, async () => {
        const by = signedInOf(request)
        if (!(await factors.list(by.user.id)).app) throw notFound('authenticator app')
        await apps.remove(by)
        return reply.redirectTo(SECURITY, 'appRemoved')
      }),
    )
  }
}
