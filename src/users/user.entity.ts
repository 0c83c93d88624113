import { defineEntity, p } from '@mikro-orm/postgresql'

export const ROLES = ['user', 'admin'] as const
export type Role = (typeof ROLES)[number]

const UserSchema = defineEntity({
  name: 'User',
  tableName: 'users',
  properties: {
    id: p.uuid().primary(),
    /** Normalized by `normalizeEmail`, so that two spellings of an address are the same user. */
    email: p.string().length(254).unique(),
    name: p.string().length(255),
    passwordHash: p.text().hidden(),
    /** The server generated the password: the user must choose another one at the first sign-in. */
    mustChangePassword: p.boolean().default(false),
    role: p.string().length(16).$type<Role>(),
    disabledAt: p.datetime().nullable(),
    /** Failed sign-ins from before do not count; null: no operator unlocked the user. */
    unlockedAt: p.datetime().nullable(),
    createdAt: p.datetime(),
    updatedAt: p.datetime(),
  },
})

/** The person who owns tokens. */
export class User extends UserSchema.class {}
UserSchema.setClass(User)

/** A user without the password hash. */
export type SafeUser = Omit<User, 'passwordHash'>
