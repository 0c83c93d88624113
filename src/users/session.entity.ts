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
    /** The issuer of the OpenID provider that authenticated the user; null: a password did. */
    provider: p.string().length(512).nullable(),
    /** `sid` at the provider, which ends this session by it. */
    providerSession: p.string().length(255).nullable(),
    /** How the user signed in here, such as `pwd otp`, after RFC 8176; null: a provider authenticated the user. */
    methods: p.string().length(64).nullable(),
    createdAt: p.datetime(),
    lastSeenAt: p.datetime(),
    /** When the user last confirmed the password; null: at sign-in. */
    provedAt: p.datetime().nullable(),
    /** A form that waits until the user has confirmed who they are at the provider, encrypted with the text of the session. */
    heldForm: p.text().nullable().hidden(),
    expiresAt: p.datetime().index(),
  },
})

/** A sign-in of a user on the pages. */
export class Session extends SessionSchema.class {}
SessionSchema.setClass(Session)
