import { defineEntity, p } from '@mikro-orm/postgresql'
import { User } from '../user.entity.ts'

const PasskeySchema = defineEntity({
  name: 'Passkey',
  tableName: 'passkeys',
  properties: {
    id: p.uuid().primary(),
    user: () => p.manyToOne(User).mapToPk().fieldName('user_id').deleteRule('cascade').index(),
    /** The id of the credential, as the authenticator chose it. */
    credentialId: p.blob().unique(),
    /** COSE_Key (RFC 9052 §7). */
    publicKey: p.blob(),
    /** The signature counter of the last use; authenticators that have none send 0. */
    counter: p.bigint('number'),
    transports: p.json<string[]>(),
    /** What the user calls it. */
    name: p.string().length(64),
    createdAt: p.datetime(),
    lastUsedAt: p.datetime().nullable(),
  },
})

/** A passkey of a user: the public key of a WebAuthn credential. */
export class Passkey extends PasskeySchema.class {}
PasskeySchema.setClass(Passkey)
