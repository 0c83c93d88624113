import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { requireToken } from '../../packages/guard/src/checks.ts'
import type { Token } from '../../packages/guard/src/token.ts'
import { tokenOf } from '../../packages/guard/src/token-of.ts'
import { forbidden, invalid } from '../errors/errors.ts'
import { ifMatch, withTag } from '../http/entity-tag.ts'
import { peerOf } from '../http/forwarded.ts'
import { noContent, problem, validationProblem } from '../http/schemas.ts'
import type { AccountMail } from './account-mail.ts'
import type { ConfirmChange } from './confirm-user.ts'
import type { OwnUsers } from './own-users.ts'
import { normalizePassword } from './passwords.ts'
import { applicationAwayProblem, ChangePassword, OwnUserSchema, toOwnUser, UpdateUser, userTag } from './schemas.ts'
import { userRowOf } from './user-row.ts'
import type { Users } from './users.ts'

const UserResponse = Type.Object({ data: OwnUserSchema })

export interface UserRoutesOptions {
  ownUsers: Pick<OwnUsers, 'describe'>
  accountMail: AccountMail
  users: Users
  confirmChange: ConfirmChange
  /** Whether it is a personal access token, not one issued to an app. */
  isPersonal: (token: Token) => Promise<boolean>
}

const getUserSchema = {
  operationId: 'getUser',
  summary: 'Get the user',
  description: 'The user that the token belongs to: the id, and with `user:read` the other properties.',
  tags: ['User'],
  response: {
    200: UserResponse,
    403: problem('The token does not belong to a user'),
    503: applicationAwayProblem,
  },
}

const updateUserSchema = {
  operationId: 'updateUser',
  summary: 'Change the name or the e-mail address',
  description:
    'A new e-mail address requires the current password. If the server sends mail, the response is 202: the address ' +
    'changes when the user opens the link that was sent to it and confirms.',
  tags: ['User'],
  body: UpdateUser,
  response: {
    200: UserResponse,
    202: { ...UserResponse, description: 'A link to confirm the new e-mail address was sent to it' },
    403: problem('The token was issued to an app'),
    422: validationProblem,
    429: problem('Too many wrong passwords'),
  },
}

const changePasswordSchema = {
  operationId: 'changePassword',
  summary: 'Change the password',
  description: 'Does not revoke personal access tokens; use `DELETE /api/tokens` for that.',
  tags: ['User'],
  body: ChangePassword,
  response: {
    204: noContent('The password has been changed'),
    403: problem('The token was issued to an app'),
    422: validationProblem,
    429: problem('Too many wrong passwords'),
  },
}

export function userRoutes({
  users,
  ownUsers,
  accountMail,
  confirmChange,
  isPersonal,
}: UserRoutesOptions): FastifyPluginAsyncTypebox {
  /** A user who authorizes an app does not authorize it to change the user's own data. */
  async function assertMayChange(request: FastifyRequest): Promise<string> {
    const id = ownerOf(request)
    if ((await users.findOwner(id)).kind === 'service') throw forbidden(NO_PERSON)
    if (await isPersonal(tokenOf(request))) return id
    throw forbidden('Only a personal access token can change the user; this token was issued to an app.')
  }

  return async app => {
    app.get('/user', { preValidation: requireToken(), schema: getUserSchema }, async (request, reply) => {
      const user = await users.findOwner(ownerOf(request))
      withTag(reply, userTag(user))
      return { data: toOwnUser(tokenOf(request), await ownUsers.describe(user)) }
    })

    app.put('/user', { preValidation: requireToken(), schema: updateUserSchema }, async (request, reply) => {
      const { name, email, current_password, code } = request.body
      const id = await assertMayChange(request)
      if (email !== undefined) await confirmChange(id, { peer: peerOf(request) }, { password: current_password, code })
      const unchanged = ifMatch(request, userTag)
      const { user, sent } = await accountMail.changeProfile(id, { name, email }, peerOf(request), unchanged)
      withTag(reply, userTag(user))
      return reply.code(sent ? 202 : 200).send({ data: toOwnUser(tokenOf(request), user) })
    })

    app.put(
      '/user/password',
      { preValidation: requireToken(), schema: changePasswordSchema },
      async (request, reply) => {
        const { current_password, password, password_confirmation = password, code } = request.body
        const id = await assertMayChange(request)
        if (normalizePassword(password_confirmation) !== normalizePassword(password)) {
          throw invalid({ path: 'password_confirmation', message: 'must equal the password' })
        }
        await confirmChange(id, { peer: peerOf(request) }, { password: current_password, code })
        await users.setPassword(id, password)
        return reply.code(204).send(null)
      },
    )
  }
}

/** The id of the row of the token's user. @throws 403 for a machine's token */
export function ownerOf(request: FastifyRequest): string {
  const row = userRowOf(tokenOf(request))
  if (row) return row
  throw noUserError()
}

const NO_PERSON =
  'A service account has no password and no e-mail address. An administrator changes it: PATCH /admin/service-accounts/{id}.'

export const noUserError = () => forbidden('This token belongs to a client, not to a user.')
