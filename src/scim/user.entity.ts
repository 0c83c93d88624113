import { defineEntity, p } from '@mikro-orm/postgresql'
import { User } from '../users/user.entity.ts'
import type { Resource } from './values.ts'

const ScimUserSchema = defineEntity({
  name: 'ScimUser',
  tableName: 'scim_users',
  properties: {
    user: () => p.manyToOne(User).mapToPk().primary().fieldName('user_id').deleteRule('cascade'),
    /** `toNameKey` of `userName`; the id of a user who was deleted. */
    nameKey: p.string().length(255).unique(),
    /** The id in the directory. */
    externalId: p.string().length(255).nullable().strictNullable().unique(),
    /** What the directory says about the user, except `id`, `externalId`, `active`, `groups` and `meta`. */
    attributes: p.json<Resource>(),
    /** Part of the ETag. */
    version: p.integer(),
    /** The value that the directory gave `users.disabled_at`; another one is an operator's. */
    deactivatedAt: p.datetime().nullable().strictNullable(),
    /** When the tokens of the suspended user are revoked; null: never, or they are. */
    revokeAt: p.datetime().nullable().strictNullable().index(),
    /** The directory deleted the user. The row remains until its tokens are revoked. */
    deletedAt: p.datetime().nullable().strictNullable(),
    createdAt: p.datetime(),
    updatedAt: p.datetime(),
  },
})

/** What a directory says about a user that it manages. */
export class ScimUser extends ScimUserSchema.class {}
ScimUserSchema.setClass(ScimUser)
