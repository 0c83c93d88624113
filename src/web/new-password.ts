import type { FastifyPluginAsync, FastifyReply } from 'fastify'
import { invalid } from '../errors/errors.ts'
import type { Params } from '../grants/grant.ts'
import { MIN_PASSWORD_LENGTH, normalizePassword, passwordMatches } from '../users/passwords.ts'
import type { Users } from '../users/users.ts'
import { NEW_PASSWORD } from './own-password.ts'
import type { StartSession } from './session.ts'
import { type FormError, formErrorOf, requireSignedIn, signedInOf } from './signed-in.ts'
import { localPath, type Site } from './site.ts'
import { texts } from './texts.ts'

const text = texts.newPassword

export interface NewPasswordOptions {
  users: Users
  site: Site
  startSession: StartSession
}

/** The page where users replace a generated password with their own. */
export function newPassword({ users, site, startSession }: NewPasswordOptions): FastifyPluginAsync {
  const form = (reply: FastifyReply, next: string | undefined, refusal?: FormError) => {
    const data = { title: text.title, next, refusal: refusal?.message, shortest: String(MIN_PASSWORD_LENGTH) }
    return reply.page('new-password.eta', data, { status: refusal?.status ?? 200 })
  }

  return async app => {
    requireSignedIn(app, { site })

    app.get(NEW_PASSWORD, async (request, reply) => {
      const next = localPath((request.query as Params).next)
      if (signedInOf(request).user.mustChangePassword) return form(reply, next)
      return reply.redirect(next ?? `${site.base}/tokens`, 303)
    })

    app.post(NEW_PASSWORD, async (request, reply) => {
      const { password = '', password_confirmation = '', ...rest } = (request.body ?? {}) as Params
      const next = localPath(rest.next)
      const { user } = signedInOf(request)
      // Users with a password of their own change it on the account page, which requires the current one.
      if (!user.mustChangePassword) return reply.redirect(`${site.base}/account`, 303)
      try {
        if (normalizePassword(password) !== normalizePassword(password_confirmation))
          throw invalid({ path: '', message: texts.account.password.differ })
        const { passwordHash } = await users.find(user.id)
        await mustDiffer(passwordHash, password)
        await users.setPassword(user.id, password)
      } catch (error) {
        return form(reply, next, formErrorOf(error))
      }
      // setPassword ended all sessions, including this one.
      await startSession(request, reply, await users.find(user.id))
      return reply.redirect(next ?? `${site.base}/tokens`, 303)
    })
  }
}

async function mustDiffer(passwordHash: string, password: string): Promise<void> {
  if (await passwordMatches(passwordHash, password)) throw invalid({ path: 'password', message: text.same })
}
