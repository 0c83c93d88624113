import { defineEntity, p } from '@mikro-orm/postgresql'
import type { JWK } from 'jose'
import type { Algorithm } from '../config/config.ts'

export const KEY_STATES = ['next', 'current', 'past'] as const
export type KeyState = (typeof KEY_STATES)[number]

const SigningKeySchema = defineEntity({
  name: 'SigningKey',
  tableName: 'oauth_signing_keys',
  // At most one key signs, and at most one is next.
  uniques: [{ name: 'oauth_signing_keys_state_unique', properties: ['state'], where: "state <> 'past'" }],
  properties: {
    /** The `kid`: TOKEN_PREFIX and a UUID; keys from before the prefix have a UUID alone. */
    id: p.string().length(64).primary(),
    algorithm: p.string().length(16).$type<Algorithm>(),
    state: p.string().length(16).$type<KeyState>(),
    publicKey: p.json<JWK>(),
    /** The private JWK, wrapped under APP_KEY (compact JWE). */
    privateKey: p.text().hidden(),
    createdAt: p.datetime(),
    /** When it started signing; for a `next` key, when it will. */
    activatedAt: p.datetime().nullable(),
    retiredAt: p.datetime().nullable(),
    /** When it was revoked, which invalidates everything it signed; such a key is `past`. */
    revokedAt: p.datetime().nullable(),
  },
})

/** A signing key: next, current or past. */
export class SigningKey extends SigningKeySchema.class {}
SigningKeySchema.setClass(SigningKey)
