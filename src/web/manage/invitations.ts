import type { FastifyPluginAsync, FastifyReply } from 'fastify'
import type { AccountMail, Invitation } from '../../users/account-mail.ts'
import type { Users } from '../../users/users.ts'
import { texts } from '../texts.ts'
import { findUser } from './user-page.ts'

export interface InvitationPagesOptions {
  users: Users
  accountMail: AccountMail
}

/** Invites a user again who has not chosen a password yet. */
export function manageInvitations({ users, accountMail }: InvitationPagesOptions): FastifyPluginAsync {
  return async app => {
    app.post('/users/:id/invitation', async (request, reply) =>
      showInvitation(reply, await accountMail.inviteAgain(await findUser(users, request))),
    )
  }
}

/** After an invitation: a notice that it was sent, or the page with its link, which is shown once. */
export function showInvitation(reply: FastifyReply, invitation: Invitation) {
  const { user, sent } = invitation
  const path = `/manage/users/${user.id}`
  if (sent) return reply.redirectTo(path, 'userInvited', { email: user.email ?? '' })
  const { url, expiresAt } = invitation
  const data = { title: texts.manage.users.invitation.title, section: 'manage' as const, tab: 'users' }
  return reply.page('manage/user-invited.eta', { ...data, person: user, url, expiresAt })
}
