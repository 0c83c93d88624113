import { Type } from 'typebox'
import type { Token } from '../../packages/guard/src/token.ts'
import { closed, Name, Time } from '../http/schemas.ts'
import { USER_READ } from '../scopes/catalogue.ts'
import { ROLES, type User } from './user.entity.ts'

const fields = {
  name: Type.String({ examples: ['Ada Lovelace'] }),
  email: Type.String({ format: 'email' }),
  role: Type.Enum([...ROLES]),
  created_at: Time(),
  updated_at: Time(),
}
const id = Type.String({ format: 'uuid' })
const example = {
  id: '01939f4e-8a4c-7b60-b5a4-6f6d5c3f2a10',
  name: 'Ada Lovelace',
  email: 'ada@example.com',
  role: 'user',
  created_at: '2026-11-21T10:00:00.000Z',
  updated_at: '2026-11-21T10:00:00.000Z',
}

export const UserSchema = Type.Object({ id, ...fields }, { examples: [example] })

/** The user of a token, limited to what the token may read. */
export const OwnUserSchema = Type.Object(
  { id, ...Type.Partial(Type.Object(fields)).properties },
  { description: 'Only the id, unless the token has `user:read`', examples: [example] },
)

/** The fields that an entity and a token record both have. */
export type UserFields = Pick<User, 'id' | 'name' | 'email' | 'role' | 'createdAt' | 'updatedAt'>

export const toUser = ({ id, name, email, role, createdAt, updatedAt }: UserFields) => ({
  id,
  name,
  email,
  role,
  created_at: createdAt,
  updated_at: updatedAt,
})

const READ = [USER_READ] as const

/** The user of a token, limited to what the token may read: the id, and with `user:read` the other properties. */
export function toOwnUser(token: Token, user: UserFields): { id: string } {
  if (token.cant(USER_READ)) return { id: user.id }
  token.noteUse(READ)
  return toUser(user)
}

export const UpdateUser = Type.Object(
  {
    name: Type.Optional(Name),
    email: Type.Optional(Type.String({ format: 'email', maxLength: 254 })),
    current_password: Type.Optional(
      Type.String({ format: 'password', maxLength: 1024, description: 'Required to change the e-mail address' }),
    ),
  },
  { ...closed, examples: [{ name: 'Ada King' }] },
)

export const ChangePassword = Type.Object(
  {
    current_password: Type.String({ format: 'password', maxLength: 1024 }),
    password: Type.String({ format: 'password', maxLength: 1024, description: 'At least 8 characters' }),
    password_confirmation: Type.Optional(Type.String({ format: 'password', maxLength: 1024 })),
  },
  { ...closed, examples: [{ current_password: 'correct horse', password: 'battery staple' }] },
)
