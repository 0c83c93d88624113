import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import { REQUEST_BUDGET_MS } from '../../database/run-batches.ts'
import { conflict, notFound } from '../../errors/errors.ts'
import type { Params } from '../../grants/grant.ts'
import type { SignOut } from '../../grants/sign-out.ts'
import { isUuid } from '../../text/uuid.ts'
import { ROLES, type Role, type User } from '../../users/user.entity.ts'
import type { Users } from '../../users/users.ts'
import { phrase } from '../phrase.ts'
import { idOf, listPage, queryParams } from '../query.ts'
import { type FormError, formErrorOf, signedInOf } from '../signed-in.ts'
import type { Site } from '../site.ts'
import { texts } from '../texts.ts'

export interface ManageUsersOptions {
  site: Site
  users: Users
  signOut: SignOut
}

const text = texts.manage.users
const section = 'manage' as const

/** All users: search, create, reset a password, disable, sign out. */
export function manageUsers({ site, users, signOut }: ManageUsersOptions): FastifyPluginAsync {
  const find = (request: FastifyRequest): Promise<User> => {
    const id = idOf(request)
    if (!isUuid(id)) throw notFound('user')
    return users.find(id)
  }

  function form(reply: FastifyReply, given: Params = {}, refusal?: FormError) {
    const data = { title: text.create.title, section, tab: 'users', roles: ROLES, given, refusal: refusal?.message }
    return reply.page('manage/user-new.eta', data, { status: refusal?.status ?? 200 })
  }

  function detail(reply: FastifyReply, person: User, refusal?: FormError) {
    const self = isSelf(reply.request, person)
    const data = { title: text.one, section, tab: 'users', person, self, refusal: refusal?.message }
    return reply.page('manage/user.eta', data, { status: refusal?.status ?? 200 })
  }

  return async app => {
    app.get('/users', async (request, reply) => {
      const query = queryParams(request)
      const search = query.q
      const list = await listPage(
        `${site.base}/manage/users`,
        query,
        pageRequest => users.list({ ...pageRequest, search }),
        u => u,
      )
      return reply.page('manage/users.eta', { title: text.title, section, tab: 'users', list, search })
    })

    app.get('/users/new', (_request, reply) => form(reply))

    app.post('/users', async (request, reply) => {
      const { email = '', name = '', password = '', role } = (request.body ?? {}) as Params
      try {
        const person = await users.create({ email, name, password, role: roleOf(role) })
        return reply.goOn(`/manage/users/${person.id}`, 'userCreated', { name: person.name })
      } catch (error) {
        return form(reply, { email, name, role }, formErrorOf(error))
      }
    })

    app.get('/users/:id', async (request, reply) => detail(reply, await find(request)))

    app.post('/users/:id/password', async (request, reply) => {
      const person = await find(request)
      // A session does not prove that the user knows the current password.
      if (isSelf(request, person)) throw conflict(text.password.notSelf)
      try {
        await users.setPassword(person.id, ((request.body ?? {}) as Params).password ?? '')
      } catch (error) {
        return detail(reply, person, formErrorOf(error))
      }
      return reply.goOn(`/manage/users/${person.id}`, 'userPassword', { name: person.name })
    })

    app.post('/users/:id/disable', async (request, reply) => {
      const person = await find(request)
      // A disabled administrator could not undo it.
      if (isSelf(request, person)) throw conflict(text.notSelf)
      await users.disable(person.id)
      return reply.goOn(`/manage/users/${person.id}`, 'userDisabled', { name: person.name })
    })

    app.post('/users/:id/enable', async (request, reply) => {
      const { id, name } = await users.enable((await find(request)).id)
      return reply.goOn(`/manage/users/${id}`, 'userEnabled', { name })
    })

    app.post('/users/:id/unlock', async (request, reply) => {
      const { id, name } = await users.unlock((await find(request)).id)
      return reply.goOn(`/manage/users/${id}`, 'userUnlocked', { name })
    })

    app.get('/users/:id/sign-out', async (request, reply) => {
      const { id, name, email } = await find(request)
      const { title, question, submit } = text.signOut
      const path = `${site.base}/manage/users/${id}`
      const data = {
        title,
        section,
        tab: 'users',
        headingHtml: phrase(question, { name, email }),
        detail: text.signOut.detail,
      }
      return reply.page('ask-first.eta', { ...data, action: `${path}/sign-out`, submit, back: path })
    })

    app.post('/users/:id/sign-out', async (request, reply) => {
      const { id, name } = await find(request)
      const { count, complete } = await signOut(id, { timeoutMs: REQUEST_BUDGET_MS })
      if (!complete) return reply.goOn(`/manage/users/${id}/sign-out`, 'tokensRevokedSoFar', { count: String(count) })
      return reply.goOn(`/manage/users/${id}`, 'userSignedOut', { name })
    })
  }
}

const isSelf = (request: FastifyRequest, { id }: User) => id === signedInOf(request).user.id

const roleOf = (text: string | undefined): Role => ROLES.find(role => role === text) ?? 'user'
