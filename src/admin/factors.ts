import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { checkScopes } from '../../packages/guard/src/checks.ts'
import { problem } from '../http/schemas.ts'
import type { Factors } from '../users/factors/factors.ts'
import { ManagedUser, toManagedUser } from '../users/schemas.ts'
import type { UserIds } from '../users/user-ids.ts'
import type { Users } from '../users/users.ts'
import { Id } from './schemas.ts'

const tags = ['Administration']
const UserResponse = Type.Object({ data: ManagedUser })
const unknownUser = problem('There is no such user')

export interface AdminFactorsOptions {
  users: Users
  userIds: UserIds
  factors: Pick<Factors, 'reset'>
}

const adminResetFactorsSchema = {
  operationId: 'adminResetFactors',
  summary: 'Reset the second factors of a user',
  description:
    'Removes all passkeys, the authenticator app and the recovery codes of a user who has lost them, and ends the sessions. ' +
    'Tokens stay. The user is told by mail.',
  tags,
  params: Id('user'),
  response: { 200: UserResponse, 404: unknownUser },
}

/** Resetting the second factors of a user. */
export function adminFactors({ users, userIds, factors }: AdminFactorsOptions): FastifyPluginAsyncTypebox {
  const options = { preValidation: checkScopes('admin:write'), schema: adminResetFactorsSchema }
  return async app => {
    app.post('/users/:id/reset-factors', options, async ({ params }) => {
      const { id } = await users.find(await userIds.rowOf(params.id))
      return { data: toManagedUser(await factors.reset(id)) }
    })
  }
}
