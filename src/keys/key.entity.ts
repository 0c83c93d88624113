import { defineEntity, p } from '@mikro-orm/postgresql'
import type { JWK } from 'jose'
import type { Algorithm } from '../config/config.ts'

export const KEY_STATES = ['next', 'current', 'past'] as const
export type KeyState = (typeof KEY_STATES)[number]

const SigningKeySchema = defineEntity({
  name: 'SigningKey',
  tableName: 'oauth_signing_keys',
  // One key signs, and one waits for its turn.
  uniques: [{ name: 'oauth_signing_keys_state_unique', properties: ['state'], where: "state <> 'past'" }],
  properties: {
    /** The `kid`. */
    id: p.uuid().primary(),
    algorithm: p.string().length(16).$type<Algorithm>(),
    state: p.string().length(16).$type<KeyState>(),
    publicKey: p.json<JWK>(),
    /** The private JWK, encrypted under APP_KEY (compact JWE). */
    privateKey: p.text().hidden(),
    createdAt: p.datetime(),
    /** Since when it signs; of a `next` key, from when it will. */
    activatedAt: p.datetime().nullable(),
    retiredAt: p.datetime().nullable(),
    /** Since when nothing that it signed counts; such a key is `past`. */
    revokedAt: p.datetime().nullable(),
  },
})

/** A key that signs tokens, did, or will. */
export class SigningKey extends SigningKeySchema.class {}
SigningKeySchema.setClass(SigningKey)
