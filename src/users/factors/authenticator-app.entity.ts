import { defineEntity, p } from '@mikro-orm/postgresql'
import { User } from '../user.entity.ts'

const AuthenticatorAppSchema = defineEntity({
  name: 'AuthenticatorApp',
  tableName: 'authenticator_apps',
  properties: {
    user: () => p.manyToOne(User).mapToPk().primary().fieldName('user_id').deleteRule('cascade'),
    /** The shared secret, encrypted with a key derived from APP_KEY. */
    encryptedSecret: p.text(),
    /** The time step of the last accepted code. Its code and earlier ones are not accepted again. */
    lastStep: p.bigint('number'),
    createdAt: p.datetime(),
    lastUsedAt: p.datetime().nullable(),
  },
})

/** The authenticator app of a user, which shows codes by time (RFC 6238). */
export class AuthenticatorApp extends AuthenticatorAppSchema.class {}
AuthenticatorAppSchema.setClass(AuthenticatorApp)
