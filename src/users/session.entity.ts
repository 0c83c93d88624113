import { defineEntity, p } from '@mikro-orm/postgresql'
import { User } from './user.entity.ts'

const SessionSchema = defineEntity({
  name: 'Session',
  tableName: 'sessions',
  properties: {
    id: p.uuid().primary(),
    /** SHA-256 of the cookie's text. */
    hash: p.blob().unique().hidden(),
    user: () => p.manyToOne(User).mapToPk().fieldName('user_id').deleteRule('cascade').index(),
    address: p.string().length(64),
    userAgent: p.string().length(255),
    createdAt: p.datetime(),
    lastSeenAt: p.datetime(),
    /** When the user last confirmed the password; null: at sign-in. */
    provedAt: p.datetime().nullable(),
    expiresAt: p.datetime().index(),
  },
})

/** A sign-in of a user on the pages. */
export class Session extends SessionSchema.class {}
SessionSchema.setClass(Session)
