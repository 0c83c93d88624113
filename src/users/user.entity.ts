import { defineEntity, p } from '@mikro-orm/postgresql'
import type { Language } from '../text/language.ts'

export const ROLES = ['user', 'admin'] as const
export type Role = (typeof ROLES)[number]

/** `service`: a service account, an owner of tokens that is no person and cannot sign in. */
export type UserKind = 'person' | 'service'

const UserSchema = defineEntity({
  name: 'User',
  tableName: 'users',
  properties: {
    id: p.uuid().primary(),
    /**
     * The id of a user of an application, by which tokens name the user. `id` is derived from it. Null: the user is known by
     * `id`, and signs in here.
     */
    subject: p.string().length(255).nullable().strictNullable().unique(),
    /** The application says that the user is disabled or gone, and the user is disabled because of that alone. */
    disabledByApplication: p.boolean().default(false),
    /** Since when the application says that there is no such user; null: there is one, or it was not asked. */
    goneAt: p.datetime().nullable(),
    /**
     * Normalized by `normalizeEmail`, so that two spellings of an address are the same user. Null: a user of an application,
     * which alone knows the address.
     */
    email: p.string().length(254).nullable().strictNullable().unique(),
    /** `skeletonOf` the address; null for a row that a node of an earlier version wrote. */
    emailSkeleton: p.string().length(254).nullable().hidden().index(),
    /** When the address was known to be the user's: confirmed by a link, or entered by an operator; null: it is not. */
    emailConfirmedAt: p.datetime().nullable(),
    name: p.string().length(255),
    passwordHash: p.text().hidden(),
    /** false: nobody knows the password of the hash; the user was invited, or signs in by a provider. */
    hasPassword: p.boolean().default(true),
    /** The server generated the password: the user must choose another one at the first sign-in. */
    mustChangePassword: p.boolean().default(false),
    role: p.string().length(16).$type<Role>(),
    kind: p.string().length(16).$type<UserKind>().default('person'),
    /** The language that the user chose for pages and mails; null: none. */
    language: p.string().length(8).$type<Language>().nullable(),
    /**
     * All scopes that tokens of the user can have, as the groups of a directory say, or an administrator for a service account;
     * null: no limit.
     */
    allowedScopes: p.json<string[]>().nullable(),
    disabledAt: p.datetime().nullable(),
    /** Failed sign-ins from before do not count; null: no operator unlocked the user. */
    unlockedAt: p.datetime().nullable(),
    createdAt: p.datetime(),
    updatedAt: p.datetime(),
  },
})

/** Who owns tokens: a person, or a service account. */
export class User extends UserSchema.class {}
UserSchema.setClass(User)

/** The id that tokens, responses and the audit trail name a user by: that of the application, or of the row. */
export const userIdOf = ({ id, subject }: Pick<User, 'id'> & { subject?: string | null }): string => subject ?? id

/** A user who is known by an e-mail address here, unlike a user of an application. */
export type LocalUser = User & { email: string }

/** What people know a user by: the e-mail address, or the id at the application. */
export const labelOf = ({ email, name }: Pick<User, 'email' | 'name'>): string => email ?? name

/** A user without the password hash. */
export type SafeUser = Omit<User, 'passwordHash'>
