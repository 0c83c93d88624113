import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { requireToken } from '../../packages/guard/src/checks.ts'
import type { Token } from '../../packages/guard/src/token.ts'
import { tokenOf } from '../../packages/guard/src/token-of.ts'
import { forbidden, invalid } from '../errors/errors.ts'
import { peerOf } from '../http/forwarded.ts'
import { noContent, problem, validationProblem } from '../http/schemas.ts'
import { createConfirmPassword } from './confirm-password.ts'
import { normalizePassword } from './passwords.ts'
import { ChangePassword, OwnUserSchema, toOwnUser, UpdateUser } from './schemas.ts'
import type { Throttle } from './throttle.ts'
import type { Users } from './users.ts'

const Answer = Type.Object({ data: OwnUserSchema })

export interface UserRoutesOptions {
  users: Users
  throttle: Throttle
  /** Whether it is a personal access token, not one issued to an app. */
  isPersonal: (token: Token) => Promise<boolean>
}

const getUserSchema = {
  operationId: 'getUser',
  summary: 'Get the user',
  description: 'The user that the token belongs to: the id, and with `user:read` the other properties.',
  tags: ['User'],
  response: { 200: Answer, 403: problem('The token does not belong to a user') },
}

const updateUserSchema = {
  operationId: 'updateUser',
  summary: 'Change the name or the e-mail address',
  description: 'A new e-mail address requires the current password.',
  tags: ['User'],
  body: UpdateUser,
  response: {
    200: Answer,
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

export function userRoutes({ users, throttle, isPersonal }: UserRoutesOptions): FastifyPluginAsyncTypebox {
  /** A user who authorizes an app does not authorize it to change the user's own data. */
  async function assertMayChange(request: FastifyRequest): Promise<string> {
    const id = ownerOf(request)
    if (await isPersonal(tokenOf(request))) return id
    throw forbidden('Only a personal access token can change the user; this token was issued to an app.')
  }

  const confirmPassword = createConfirmPassword(users, throttle)

  return async app => {
    app.get('/user', { preValidation: requireToken(), schema: getUserSchema }, async request => ({
      data: toOwnUser(tokenOf(request), await users.find(ownerOf(request))),
    }))

    app.put('/user', { preValidation: requireToken(), schema: updateUserSchema }, async request => {
      const { name, email, current_password } = request.body
      const id = await assertMayChange(request)
      if (email !== undefined) await confirmPassword(id, peerOf(request), current_password)
      return { data: toOwnUser(tokenOf(request), await users.update(id, { name, email })) }
    })

    app.put(
      '/user/password',
      { preValidation: requireToken(), schema: changePasswordSchema },
      async (request, reply) => {
        const { current_password, password, password_confirmation = password } = request.body
        const id = await assertMayChange(request)
        if (normalizePassword(password_confirmation) !== normalizePassword(password)) {
          throw invalid({ path: 'password_confirmation', message: 'must equal the password' })
        }
        await confirmPassword(id, peerOf(request), current_password)
        await users.setPassword(id, password)
        return reply.code(204).send(null)
      },
    )
  }
}

/** @throws 403 for a machine's token */
export function ownerOf(request: FastifyRequest): string {
  const { userId } = tokenOf(request)
  if (userId) return userId
  throw noUserError()
}

export const noUserError = () => forbidden('This token belongs to a client, not to a user.')
