import { Type } from 'typebox'
import { closed, Name, Time } from '../http/schemas.ts'
import { ROLES, type User } from './user.entity.ts'

export const UserSchema = Type.Object(
  {
    id: Type.String({ format: 'uuid' }),
    name: Type.String({ examples: ['Ada Lovelace'] }),
    email: Type.String({ format: 'email' }),
    role: Type.Enum([...ROLES]),
    created_at: Time(),
    updated_at: Time(),
  },
  {
    examples: [
      {
        id: '01939f4e-8a4c-7b60-b5a4-6f6d5c3f2a10',
        name: 'Ada Lovelace',
        email: 'ada@example.com',
        role: 'user',
        created_at: '2026-11-21T10:00:00.000Z',
        updated_at: '2026-11-21T10:00:00.000Z',
      },
    ],
  },
)

/** A user as the database has it, or as a token's record in memory does. */
export type ShownUser = Pick<User, 'id' | 'name' | 'email' | 'role' | 'createdAt' | 'updatedAt'>

export const toUser = ({ id, name, email, role, createdAt, updatedAt }: ShownUser) => ({
  id,
  name,
  email,
  role,
  created_at: createdAt,
  updated_at: updatedAt,
})

export const UpdateUser = Type.Object(
  {
    name: Type.Optional(Name),
    email: Type.Optional(Type.String({ format: 'email', maxLength: 254 })),
    current_password: Type.Optional(
      Type.String({ format: 'password', maxLength: 1024, description: 'Needed to change the e-mail address' }),
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
