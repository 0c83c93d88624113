import type { FastifyReply, FastifyRequest } from 'fastify'
import type { TokenAdmin } from '../../tokens/bulk.ts'
import { userTag } from '../../users/schemas.ts'
import type { Sessions } from '../../users/sessions.ts'
import { ROLES, type Role, type User } from '../../users/user.entity.ts'
import type { Users } from '../../users/users.ts'
import type { FormError } from '../form-error.ts'
import { idOf } from '../query.ts'
import { signedInOf } from '../signed-in.ts'
import { texts } from '../texts.ts'

/** The user whose id is in the path. @throws 404 */
export const findUser = (users: Pick<Users, 'find'>, request: FastifyRequest): Promise<User> =>
  users.find(idOf(request))

/** Whether the administrator looks at their own account. */
export const isSelf = (request: FastifyRequest, { id }: User): boolean => id === signedInOf(request).user.id

/** The values of the form that changes a user. */
export interface UserFields {
  name: string
  email: string
  role: Role
}

/** Shows the page of a user. */
export type ShowUser = (
  reply: FastifyReply,
  person: User,
  refused?: { refusal: FormError; fields?: UserFields; tag?: string },
) => Promise<string>

export interface ShowUserOptions {
  tokenAdmin: Pick<TokenAdmin, 'count'>
  sessions: Pick<Sessions, 'list'>
}

export function createShowUser({ tokenAdmin, sessions }: ShowUserOptions): ShowUser {
  return async (reply, person, refused) => {
    const self = isSelf(reply.request, person)
    const { name, email, role } = person
    const counts = {
      liveTokens: await tokenAdmin.count({ userId: person.id }),
      sessions: (await sessions.list(person.id)).length,
    }
    return reply.page('manage/user.eta', {
      title: texts.manage.users.one,
      section: 'manage',
      tab: 'users',
      person,
      self,
      tag: refused?.tag ?? userTag(person),
      fields: refused?.fields ?? { name, email: email ?? '', role },
      roles: ROLES,
      ...counts,
      refusal: refused?.refusal,
    })
  }
}
