import { defineEntity, p } from '@mikro-orm/postgresql'
import { Client } from './client.entity.ts'

const ClientVerificationSchema = defineEntity({
  name: 'ClientVerification',
  tableName: 'oauth_client_verifications',
  properties: {
    client: () => p.oneToOne(Client).mapToPk().primary().fieldName('client_id').deleteRule('cascade'),
    /** A fingerprint of what was verified: a client that has changed since is not verified. */
    print: p.string().length(64),
    /** A copy of the logo as it was verified, as PNG. */
    logo: p.blob().nullable().strictNullable(),
    verifiedAt: p.datetime(),
  },
})

/** An administrator made sure that a client is what its name and its logo say. */
export class ClientVerification extends ClientVerificationSchema.class {}
ClientVerificationSchema.setClass(ClientVerification)
