import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { checkScopes } from '../../packages/guard/src/checks.ts'
import { problem, validationProblem } from '../http/schemas.ts'
import type { AccountMail } from '../users/account-mail.ts'
import { ManagedUser, toManagedUser } from '../users/schemas.ts'
import type { UserIds } from '../users/user-ids.ts'
import type { Users } from '../users/users.ts'
import { CreateUser, Id, InvitationSchema, toInvitation } from './schemas.ts'

const tags = ['Administration']

export interface InvitationsOptions {
  users: Users
  accountMail: AccountMail
  userIds: UserIds
}

const adminCreateUserSchema = {
  operationId: 'adminCreateUser',
  summary: 'Create or invite a user',
  description:
    'Without a password the user is invited: a link to choose one is sent by mail, or is in the response if the server ' +
    'sends no mail.',
  tags,
  body: CreateUser,
  response: {
    201: Type.Object({ data: ManagedUser, invitation: Type.Optional(InvitationSchema) }),
    422: validationProblem,
  },
}

const adminInviteUserSchema = {
  operationId: 'adminInviteUser',
  summary: 'Invite a user again',
  description: 'For a user who has not chosen a password yet. Links of earlier invitations stay valid.',
  tags,
  params: Id('user'),
  response: {
    200: Type.Object({ data: ManagedUser, invitation: InvitationSchema }),
    404: problem('There is no such user'),
    409: problem('The user has chosen a password, or is disabled'),
  },
}

/** Creating and inviting users. */
export function invitations({ users, userIds, accountMail }: InvitationsOptions): FastifyPluginAsyncTypebox {
  return async app => {
    const preValidation = checkScopes('admin:write')

    app.post('/users', { preValidation, schema: adminCreateUserSchema }, async ({ body }, reply) => {
      reply.code(201)
      const { password, ...fields } = body
      if (password !== undefined) return { data: toManagedUser(await users.create({ ...fields, password })) }
      const invitation = await accountMail.invite(fields)
      return { data: toManagedUser(invitation.user), invitation: toInvitation(invitation) }
    })

    app.post('/users/:id/invitation', { preValidation, schema: adminInviteUserSchema }, async ({ params: { id } }) => {
      const invitation = await accountMail.inviteAgain(await users.find(await userIds.rowOf(id)))
      return { data: toManagedUser(invitation.user), invitation: toInvitation(invitation) }
    })
  }
}
