import { defineEntity, p } from '@mikro-orm/postgresql'
import type { EventKind } from './event-kinds.ts'

export { EVENT_KINDS, type EventKind } from './event-kinds.ts'

const AuditEventSchema = defineEntity({
  name: 'AuditEvent',
  tableName: 'audit_events',
  indexes: [
    { name: 'audit_events_user_index', properties: ['userId', 'id'] },
    { name: 'audit_events_client_index', properties: ['clientId', 'id'] },
    { name: 'audit_events_kind_index', properties: ['kind', 'id'] },
    { name: 'audit_events_token_index', properties: ['tokenId', 'id'], where: 'token_id is not null' },
  ],
  // No foreign keys: audit events outlive the rows that they refer to.
  properties: {
    /** UUIDv7, so that the order of ids is the order of events. */
    id: p.uuid().primary(),
    at: p.datetime(),
    kind: p.string().length(32).$type<EventKind>(),
    /** The user that the action affected. */
    userId: p.uuid().nullable().strictNullable(),
    clientId: p.uuid().nullable().strictNullable(),
    tokenId: p.uuid().nullable().strictNullable(),
    /** The user and the client that performed the action. */
    actorUserId: p.uuid().nullable().strictNullable(),
    actorClientId: p.uuid().nullable().strictNullable(),
    /** The token or the session that they used. */
    actorTokenId: p.uuid().nullable().strictNullable(),
    actorSessionId: p.uuid().nullable().strictNullable(),
    address: p.string().length(64).nullable().strictNullable(),
    /** Must not contain secrets. */
    details: p.json<Record<string, unknown>>(),
  },
})

export class AuditEvent extends AuditEventSchema.class {}
AuditEventSchema.setClass(AuditEvent)
