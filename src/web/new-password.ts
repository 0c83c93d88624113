import type { FastifyPluginAsync, FastifyReply } from 'fastify'
import { checkAllAsync, invalid } from '../errors/errors.ts'
import type { Params } from '../grants/grant.ts'
import { localUser } from '../users/local-user.ts'
import { MIN_PASSWORD_LENGTH, passwordMatches } from '../users/passwords.ts'
import type { Users } from '../users/users.ts'
import { checkNewPasswords } from './check-new-passwords.ts'
import { type FormError, formErrorOf } from './form-error.ts'
import { NEW_PASSWORD } from './own-password.ts'
import { authenticationOf, type StartSession } from './session.ts'
import { requireSignedIn, signedInOf } from './signed-in.ts'
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
    const data = { title: text.title, next, refusal, shortest: String(MIN_PASSWORD_LENGTH) }
    return reply.page('new-password.eta', data)
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
      const signedIn = signedInOf(request)
      const { user } = signedIn
      // Users with a password of their own change it on the account page, which requires the current one.
      if (!user.mustChangePassword) return reply.redirect(`${site.base}/account`, 303)
      try {
        const { passwordHash } = await users.find(user.id)
        await checkAllAsync({
          passwords: async () => checkNewPasswords({ password, password_confirmation }, localUser(user)),
          other: () => mustDiffer(passwordHash, password),
        })
        await users.setPassword(user.id, password)
      } catch (error) {
        return form(reply, next, formErrorOf(error))
      }
      // setPassword ended all sessions, including this one.
      await startSession(request, reply, await users.find(user.id), authenticationOf(signedIn))
      return reply.redirect(next ?? `${site.base}/tokens`, 303)
    })
  }
}

async function mustDiffer(passwordHash: string, password: string): Promise<void> {
  if (await passwordMatches(passwordHash, password)) throw invalid({ path: 'password', message: text.same })
}
