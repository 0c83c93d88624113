import type { FastifyPluginAsync } from 'fastify'
import type { SignOut } from '../../grants/sign-out.ts'
import { IN_REQUEST } from '../../operations/send.ts'
import type { TokenAdmin } from '../../tokens/bulk.ts'
import type { Sessions } from '../../users/sessions.ts'
import { labelOf } from '../../users/user.entity.ts'
import type { Users } from '../../users/users.ts'
import { formatNumber, plural } from '../numbers.ts'
import { operationPath } from '../operations.ts'
import { phrase } from '../phrase.ts'
import type { Site } from '../site.ts'
import { texts } from '../texts.ts'
import { findUser } from './user-page.ts'

export interface SignOutUserOptions {
  site: Site
  users: Users
  signOut: SignOut
  tokenAdmin: Pick<TokenAdmin, 'count'>
  sessions: Pick<Sessions, 'endAll'>
}

const text = texts.manage.users
const section = 'manage' as const

/** Ends the sessions of a user; with a confirmation that says how many, also all tokens. */
export function signOutUser({ site, users, signOut, tokenAdmin, sessions }: SignOutUserOptions): FastifyPluginAsync {
  return async app => {
    app.post('/users/:id/sign-out', async (request, reply) => {
      const { id, name } = await findUser(users, request)
      await sessions.endAll(id)
      return reply.redirectTo(`/manage/users/${id}`, 'userSignedOut', { name })
    })

    app.get('/users/:id/tokens/revoke', async (request, reply) => {
      const person = await findUser(users, request)
      const { title, question, submit } = text.revokeTokens
      const path = `${site.base}/manage/users/${person.id}`
      const count = await tokenAdmin.count({ userId: person.id })
      const headingHtml = phrase(question, { name: person.name, email: labelOf(person) })
      const facts = [{ name: text.liveTokens, html: formatNumber(count) }]
      const data = { title, section, tab: 'users', headingHtml, detail: text.revokeTokens.detail, facts }
      const submitText = plural(submit, count)
      return reply.page('confirm-action.eta', {
        ...data,
        action: `${path}/tokens/revoke`,
        submit: submitText,
        back: path,
      })
    })

    app.post('/users/:id/tokens/revoke', async (request, reply) => {
      const { id, name } = await findUser(users, request)
      const { count, complete, operation } = await signOut(id, IN_REQUEST)
      if (operation) return reply.redirectTo(operationPath(operation))
      if (!complete)
        return reply.redirectTo(`/manage/users/${id}/tokens/revoke`, 'tokensRevokedSoFar', { count: String(count) })
      return reply.redirectTo(`/manage/users/${id}`, 'userTokensRevoked', { name, count: String(count) })
    })
  }
}
