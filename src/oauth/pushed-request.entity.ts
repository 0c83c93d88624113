import { defineEntity, p } from '@mikro-orm/postgresql'
import { Client } from '../clients/client.entity.ts'

const PushedRequestSchema = defineEntity({
  name: 'PushedRequest',
  tableName: 'oauth_pushed_requests',
  properties: {
    id: p.uuid().primary(),
    /** SHA-256 of the part of the `request_uri` after its prefix. */
    hash: p.blob().unique().hidden(),
    client: () => p.manyToOne(Client).mapToPk().fieldName('client_id').deleteRule('cascade').index(),
    /** A compact JWE under a key derived from the `request_uri`: `state` and `nonce` are secrets of app and browser. */
    parameters: p.json<string>().hidden(),
    createdAt: p.datetime(),
    expiresAt: p.datetime().index(),
  },
})

/** An authorization request that the client pushed (RFC 9126). */
export class PushedRequest extends PushedRequestSchema.class {}
PushedRequestSchema.setClass(PushedRequest)
