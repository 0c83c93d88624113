import { defineEntity, p } from '@mikro-orm/postgresql'

export const ROLES = ['user', 'admin'] as const
export type Role = (typeof ROLES)[number]

const UserSchema = defineEntity({
  name: 'User',
  tableName: 'users',
  properties: {
    id: p.uuid().primary(),
    /** As `normalizeEmail` leaves it, so that two spellings of one address are one user. */
    email: p.string().length(254).unique(),
    name: p.string().length(255),
    passwordHash: p.text().hidden(),
    /** The password was made by the server: its owner has to choose another one at the first sign-in. */
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

/** A user as others know them: without what proves that somebody is that user. */
export type SafeUser = Omit<User, 'passwordHash'>
