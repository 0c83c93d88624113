import type { FastifyPluginAsync, FastifyReply } from 'fastify'
import { conflict } from '../../errors/errors.ts'
import type { Params } from '../../grants/grant.ts'
import type { AccountMail } from '../../users/account-mail.ts'
import { normalizeEmail } from '../../users/emails.ts'
import { userTag } from '../../users/schemas.ts'
import { ROLES, type Role, type User } from '../../users/user.entity.ts'
import type { UserChange, Users } from '../../users/users.ts'
import { type FormError, formErrorOf } from '../form-error.ts'
import { formTag } from '../form-tag.ts'
import { idOf, listPage, queryParams } from '../query.ts'
import type { Site } from '../site.ts'
import { texts } from '../texts.ts'
import { showInvitation } from './invitations.ts'
import { findUser, isSelf, type ShowUser, type UserFields } from './user-page.ts'

export interface ManageUsersOptions {
  site: Site
  users: Users
  accountMail: AccountMail
  showUser: ShowUser
}

const text = texts.manage.users
const section = 'manage' as const

/** All users: search, create and change. */
export function manageUsers({ site, users, accountMail, showUser }: ManageUsersOptions): FastifyPluginAsync {
  function form(reply: FastifyReply, given: Params = {}, refusal?: FormError) {
    const data = { title: text.create.title, section, tab: 'users', roles: ROLES, given, refusal }
    return reply.page('manage/user-new.eta', data)
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
        if (password === '') {
          return showInvitation(reply, await accountMail.invite({ email, name, role: roleOf(role) }))
        }
        const person = await users.create({ email, name, password, role: roleOf(role) })
        return reply.redirectTo(`/manage/users/${person.id}`, 'userCreated', { name: person.name })
      } catch (error) {
        return form(reply, { email, name, role }, formErrorOf(error))
      }
    })

    app.get('/users/:id', async (request, reply) => {
      const { id, kind } = await users.findOwner(idOf(request))
      if (kind === 'service') return reply.redirectTo(`/manage/service-accounts/${id}`)
      return showUser(reply, await findUser(users, request))
    })

    app.post('/users/:id', async (request, reply) => {
      const person = await findUser(users, request)
      // A session does not prove that it is still the user: the account page asks for the password.
      if (isSelf(request, person)) throw conflict(text.edit.notSelf)
      const tag = formTag(request, userTag)
      const outdated = tag.refusal(person)
      if (outdated) return showUser(reply, person, { refusal: outdated })
      const { name = '', email = '', role } = (request.body ?? {}) as Params
      const fields = { name, email, role: roleOf(role) }
      try {
        const changed = await users.update(person.id, changeOf(person, fields), tag.precondition)
        return reply.redirectTo(`/manage/users/${person.id}`, 'userChanged', { name: changed.name })
      } catch (error) {
        return showUser(reply, person, { refusal: formErrorOf(error), fields, tag: tag.sent })
      }
    })
  }
}

/** What is the same is left out: an address that is written again would count as confirmed. */
const changeOf = (before: User, { name, email, role }: UserFields): UserChange => ({
  ...(name !== before.name && { name }),
  ...(normalizeEmail(email) !== before.email && { email }),
  ...(role !== before.role && { role }),
})

const roleOf = (text: string | undefined): Role => ROLES.find(role => role === text) ?? 'user'
