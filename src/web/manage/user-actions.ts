import type { FastifyPluginAsync } from 'fastify'
import { conflict } from '../../errors/errors.ts'
import type { Params } from '../../grants/grant.ts'
import type { Tokens } from '../../tokens/tokens.ts'
import type { Factors } from '../../users/factors/factors.ts'
import { labelOf } from '../../users/user.entity.ts'
import type { Users } from '../../users/users.ts'
import { formErrorOf } from '../form-error.ts'
import { phrase } from '../phrase.ts'
import type { Site } from '../site.ts'
import { texts } from '../texts.ts'
import { findUser, isSelf, type ShowUser } from './user-page.ts'

export interface UserActionsOptions {
  site: Site
  users: Users
  tokens: Pick<Tokens, 'list'>
  factors: Pick<Factors, 'reset'>
  showUser: ShowUser
}

const text = texts.manage.users
const section = 'manage' as const

/** Actions on a user: reset the password or the second factors, disable, enable, unlock. */
export function userActions(options: UserActionsOptions): FastifyPluginAsync {
  const { site, users, factors, tokens, showUser } = options
  return async app => {
    app.post('/users/:id/password', async (request, reply) => {
      const person = await findUser(users, request)
      // A session does not prove that the user knows the current password.
      if (isSelf(request, person)) throw conflict(text.password.notSelf)
      try {
        await users.setPassword(person.id, ((request.body ?? {}) as Params).password ?? '')
      } catch (error) {
        return showUser(reply, person, { refusal: formErrorOf(error) })
      }
      return reply.redirectTo(`/manage/users/${person.id}`, 'userPassword', { name: person.name })
    })

    app.post('/users/:id/disable', async (request, reply) => {
      const person = await findUser(users, request)
      // A disabled administrator could not undo it.
      if (isSelf(request, person)) throw conflict(text.notSelf)
      await users.disable(person.id)
      // What depends on the person shows there: programs that used their tokens.
      const hasTokens = (await tokens.list(person.id, { limit: 1 })).length > 0
      const next = hasTokens ? `/manage/users/${person.id}/tokens` : `/manage/users/${person.id}`
      return reply.redirectTo(next, 'userDisabled', { name: person.name })
    })

    app.post('/users/:id/enable', async (request, reply) => {
      const { id, name } = await users.enable((await findUser(users, request)).id)
      return reply.redirectTo(`/manage/users/${id}`, 'userEnabled', { name })
    })

    app.post('/users/:id/unlock', async (request, reply) => {
      const { id, name } = await users.unlock((await findUser(users, request)).id)
      return reply.redirectTo(`/manage/users/${id}`, 'userUnlocked', { name })
    })

    app.get('/users/:id/reset-factors', async (request, reply) => {
      const person = await findUser(users, request)
      const { title, question, submit, detail } = texts.security.reset
      const path = `${site.base}/manage/users/${person.id}`
      const headingHtml = phrase(question, { name: person.name, email: labelOf(person) })
      const data = { title, section, tab: 'users', headingHtml, detail }
      return reply.page('confirm-action.eta', { ...data, action: `${path}/reset-factors`, submit, back: path })
    })

    app.post('/users/:id/reset-factors', async (request, reply) => {
      const person = await findUser(users, request)
      // It would end the session; users remove their own factors on the page for them.
      if (isSelf(request, person)) throw conflict(texts.security.reset.notSelf)
      await factors.reset(person.id)
      return reply.redirectTo(`/manage/users/${person.id}`, 'userFactorsReset', { name: person.name })
    })
  }
}
