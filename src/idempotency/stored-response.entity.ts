import { defineEntity, p } from '@mikro-orm/postgresql'

const StoredResponseSchema = defineEntity({
  name: 'StoredResponse',
  tableName: 'idempotency_keys',
  properties: {
    /** Hash of the caller, the route and the key. */
    hash: p.blob().primary(),
    /** HMAC of the body. */
    fingerprint: p.blob(),
    /** Encrypted; null while the request is being processed. */
    response: p.text().nullable(),
    /** Until then a request without a response counts as being processed. */
    lockedUntil: p.datetime(),
    expiresAt: p.datetime().index(),
  },
})

/** The response to a request with an `Idempotency-Key`. */
export class StoredResponse extends StoredResponseSchema.class {}
StoredResponseSchema.setClass(StoredResponse)
