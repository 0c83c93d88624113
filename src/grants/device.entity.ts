import { defineEntity, p } from '@mikro-orm/postgresql'
import { User } from '../users/user.entity.ts'

export type DeviceState = 'pending' | 'approved' | 'denied' | 'redeemed'

const DeviceCodeSchema = defineEntity({
  name: 'DeviceCode',
  tableName: 'oauth_device_codes',
  properties: {
    /** Also the id of the grant. */
    id: p.uuid().primary(),
    /** SHA-256 of the device code. */
    hash: p.blob().unique().hidden(),
    /** SHA-256 of the user code without its dash. */
    userCodeHash: p.blob().unique().hidden(),
    /** Id of the client. A client with a metadata document has no row until a user consents. */
    client: p.uuid().fieldName('client_id').index(),
    /** The `client_id` of a client with a metadata document, to find it before it has a row. */
    clientUrl: p.text().nullable().strictNullable(),
    /** The user who approved or denied it. */
    user: () =>
      p.manyToOne(User).mapToPk().nullable().strictNullable().fieldName('user_id').deleteRule('cascade').index(),
    scopes: p.json<string[]>(),
    audience: p.text().nullable().strictNullable(),
    state: p.string().length(16).$type<DeviceState>(),
    /** Seconds between polls; increased when the device polls too fast (RFC 8628 §3.5). */
    interval: p.integer(),
    lastPolledAt: p.datetime().nullable().strictNullable(),
    /** When the user wants the access to end; null: when its tokens do. */
    accessUntil: p.datetime().nullable().strictNullable(),
    createdAt: p.datetime(),
    expiresAt: p.datetime().index(),
  },
})

/** A device authorization (RFC 8628). */
export class DeviceCode extends DeviceCodeSchema.class {}
DeviceCodeSchema.setClass(DeviceCode)
