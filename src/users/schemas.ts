import { Type } from 'typebox'
import type { Token } from '../../packages/guard/src/token.ts'
import { entityTag } from '../http/entity-tag.ts'
import { closed, Name, Named, Nullable, problem, Time } from '../http/schemas.ts'
import { USER_READ } from '../scopes/catalogue.ts'
import { ROLES, type User, userIdOf } from './user.entity.ts'

/** Of a route that asks the application of a user about the user. */
export const applicationAwayProblem = problem(
  'The application that knows the users does not answer; try again after `Retry-After`',
)

const fields = {
  name: Type.String({ examples: ['Ada Lovelace'] }),
  // Without the format, which the serializer compares where null is possible: admin@localhost has none of its hosts.
  email: Nullable(Type.String({ description: 'null: the application of the user does not tell it' })),
  role: Type.Enum([...ROLES]),
  created_at: Time(),
  updated_at: Time(),
}
const id = Type.String({
  description: 'A UUID; of a user of an application, the id there',
  examples: ['01939f4e-8a4c-7b60-b5a4-6f6d5c3f2a10'],
})
const example = {
  id: '01939f4e-8a4c-7b60-b5a4-6f6d5c3f2a10',
  name: 'Ada Lovelace',
  email: 'ada@example.com',
  role: 'user',
  created_at: '2026-11-21T10:00:00.000Z',
  updated_at: '2026-11-21T10:00:00.000Z',
}

export const UserSchema = Named('User', Type.Object({ id, ...fields }, { examples: [example] }))

/** The user of a token, limited to what the token may read. */
export const OwnUserSchema = Named(
  'OwnUser',
  Type.Object(
    { id, ...Type.Partial(Type.Object(fields)).properties },
    { description: 'Only the id, unless the token has `user:read`', examples: [example] },
  ),
)

/** The fields that an entity and a token record both have. */
export type UserFields = Pick<User, 'id' | 'name' | 'email' | 'role' | 'createdAt' | 'updatedAt'> & {
  subject?: string | null
}

export const toUser = ({ id, subject = null, name, email, role, createdAt, updatedAt }: UserFields) => ({
  id: userIdOf({ id, subject }),
  name,
  email,
  role,
  created_at: createdAt,
  updated_at: updatedAt,
})

/** The entity tag of a user: of what the user or an administrator can change. */
export const userTag = (user: UserFields & Pick<User, 'disabledAt'>): string =>
  entityTag([toUser(user), user.disabledAt])

/** A user as administrators see it. */
export const ManagedUser = Named(
  'ManagedUser',
  Type.Object({ ...UserSchema.properties, disabled_at: Nullable(Time()) }),
)
export const toManagedUser = (user: User) => ({ ...toUser(user), disabled_at: user.disabledAt ?? null })

const READ = [USER_READ] as const

/** The user of a token, limited to what the token may read: the id, and with `user:read` the other properties. */
export function toOwnUser(token: Token, user: UserFields): { id: string } {
  if (token.cant(USER_READ)) return { id: userIdOf(user) }
  token.noteUse(READ)
  return toUser(user)
}

/** What a user with a second factor sends beside the password. */
export const SecondFactorCode = Type.String({
  maxLength: 64,
  description: 'A code of the authenticator app, or a recovery code: required if the user has a second factor',
})

export const UpdateUser = Named(
  'UpdateUser',
  Type.Object(
    {
      name: Type.Optional(Name),
      email: Type.Optional(Type.String({ format: 'email', maxLength: 254 })),
      current_password: Type.Optional(
        Type.String({ format: 'password', maxLength: 1024, description: 'Required to change the e-mail address' }),
      ),
      code: Type.Optional(SecondFactorCode),
    },
    { ...closed, examples: [{ name: 'Ada King' }] },
  ),
)

export const ChangePassword = Named(
  'ChangePassword',
  Type.Object(
    {
      current_password: Type.String({ format: 'password', maxLength: 1024 }),
      password: Type.String({ format: 'password', maxLength: 1024, description: 'At least 8 characters' }),
      password_confirmation: Type.Optional(Type.String({ format: 'password', maxLength: 1024 })),
      code: Type.Optional(SecondFactorCode),
    },
    { ...closed, examples: [{ current_password: 'correct horse', password: 'battery staple' }] },
  ),
)
