import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import type { Config } from '../../config/config.ts'
import { forbidden } from '../../errors/errors.ts'
import type { Params } from '../../grants/grant.ts'
import type { Factors } from '../../users/factors/factors.ts'
import type { Passkey } from '../../users/factors/passkey.entity.ts'
import { mayHaveFactors } from '../../users/factors/policy.ts'
import { type ConfirmOptions, createConfirm } from '../confirm.ts'
import { deviceName } from '../device-name.ts'
import { type FormError, formErrorOf } from '../form-error.ts'
import { passkeyField } from '../passkey-field.ts'
import { stripBidiControls } from '../phrase.ts'
import { idOf } from '../query.ts'
import { requireSignedIn, signedInOf } from '../signed-in.ts'
import { localPath } from '../site.ts'
import { texts } from '../texts.ts'
import { authenticatorAppPages } from './authenticator-app.ts'
import { mustAddFactor, SECURITY } from './require-factor.ts'
import { createShowCodes } from './show-codes.ts'

export type SecurityPagesOptions = Omit<ConfirmOptions, 'factors' | 'config'> & {
  factors: Factors
  config: Pick<Config, 'oidc' | 'mfa' | 'passwords'>
}

const text = texts.security

/** The pages of a user's passkeys, authenticator app and recovery codes. */
export function securityPages(options: SecurityPagesOptions): FastifyPluginAsync {
  const { factors, site, config } = options
  const showCodes = createShowCodes(site)

  async function page(request: FastifyRequest, reply: FastifyReply, refusal?: FormError) {
    const by = signedInOf(request)
    const { passkeys, app, recoveryCodes } = await factors.list(by.user.id)
    const asked = await factors.passkeys?.beginAdding(by)
    const data = {
      title: text.title,
      section: 'account',
      passkeys: passkeys.map(passkeyView),
      app,
      recoveryCodes,
      passkey: asked && passkeyField(asked),
      name: stripBidiControls(deviceName(request.headers['user-agent'] ?? '')),
      next: nextOf(request),
      required: mustAddFactor(by, config),
      refusal,
    } as const
    return reply.page('security/security.eta', data)
  }

  /** Runs a change. If it is refused, shows the page with the reason. */
  const attempt = async (request: FastifyRequest, reply: FastifyReply, work: () => Promise<unknown>) => {
    try {
      return await work()
    } catch (error) {
      return page(request, reply, formErrorOf(error))
    }
  }

  return async app => {
    requireSignedIn(app, { site })
    app.addHook('preHandler', async request => {
      if (request.signedIn && !mayHaveFactors(request.signedIn.user, config)) throw forbidden(text.byProvider)
    })
    app.addHook('preHandler', createConfirm(options))

    app.get(SECURITY, (request, reply) => page(request, reply))

    app.post(`${SECURITY}/passkeys`, (request, reply) =>
      attempt(request, reply, async () => {
        const { challenge, credential, name = '' } = (request.body ?? {}) as Params
        const { passkeys } = factors
        if (!passkeys) throw forbidden(texts.passkey.noScript)
        const codes = await passkeys.add(signedInOf(request), { sealed: challenge, credential }, name)
        return codes ? showCodes(request, reply, codes) : reply.redirectTo(SECURITY, 'passkeyAdded', { name })
      }),
    )

    app.post(`${SECURITY}/passkeys/:id/rename`, (request, reply) =>
      attempt(request, reply, async () => {
        const { name = '' } = (request.body ?? {}) as Params
        await factors.passkeys?.rename(signedInOf(request), idOf(request), name)
        return reply.redirectTo(SECURITY, 'passkeyRenamed', { name })
      }),
    )

    app.post(`${SECURITY}/passkeys/:id/remove`, (request, reply) =>
      attempt(request, reply, async () => {
        await factors.passkeys?.remove(signedInOf(request), idOf(request))
        return reply.redirectTo(SECURITY, 'passkeyRemoved')
      }),
    )

    app.post(`${SECURITY}/recovery-codes`, (request, reply) =>
      attempt(request, reply, async () =>
        showCodes(request, reply, await factors.createRecoveryCodes(signedInOf(request))),
      ),
    )

    await app.register(authenticatorAppPages({ factors, showCodes, attempt }))
  }
}

/** Where a user who had to set up a factor goes on. */
export function nextOf({ body, query }: FastifyRequest): string | undefined {
  return localPath(((body ?? query ?? {}) as Params).next)
}

const passkeyView = ({ id, name, createdAt, lastUsedAt }: Passkey) => ({
  id,
  name: stripBidiControls(name),
  createdAt,
  lastUsedAt,
})
