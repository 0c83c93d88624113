import { defineEntity, p } from '@mikro-orm/postgresql'
import { User } from '../users/user.entity.ts'

const IdentitySchema = defineEntity({
  name: 'Identity',
  tableName: 'user_identities',
  uniques: [{ name: 'user_identities_user_unique', properties: ['issuer', 'user'] }],
  properties: {
    /** The issuer of the provider. */
    issuer: p.string().length(512).primary(),
    /** `sub` at the provider. It never changes, unlike an address. */
    subject: p.string().length(255).primary(),
    user: () => p.manyToOne(User).mapToPk().fieldName('user_id').deleteRule('cascade').index(),
    createdAt: p.datetime(),
    lastSignInAt: p.datetime().nullable(),
  },
})

/** Who a user is at a provider. */
export class Identity extends IdentitySchema.class {}
IdentitySchema.setClass(Identity)
