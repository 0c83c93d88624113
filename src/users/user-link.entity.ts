import { defineEntity, p } from '@mikro-orm/postgresql'
import { User } from './user.entity.ts'

export const LINK_PURPOSES = ['reset', 'invitation', 'email'] as const
export type LinkPurpose = (typeof LINK_PURPOSES)[number]

const UserLinkSchema = defineEntity({
  name: 'UserLink',
  tableName: 'user_links',
  properties: {
    /** SHA-256 of the secret in the link. */
    hash: p.blob().primary(),
    user: () => p.manyToOne(User).mapToPk().fieldName('user_id').deleteRule('cascade').index(),
    purpose: p.string().length(16).$type<LinkPurpose>(),
    /** The address that the link was sent to. The link is void when the user has another one by then. */
    email: p.string().length(254),
    createdAt: p.datetime(),
    expiresAt: p.datetime().index(),
  },
})

/** A link that lets its reader do one thing, once: set a password, or confirm an e-mail address. */
export class UserLink extends UserLinkSchema.class {}
UserLinkSchema.setClass(UserLink)
