import { defineEntity, p } from '@mikro-orm/postgresql'

/** What is written down. The first word is the thing, the second what became of it. */
export const EVENT_KINDS = [
  'token.issued',
  'token.refreshed',
  'token.changed',
  'token.revoked',
  'token.reused',
  'consent.granted',
  'consent.withdrawn',
  'client.created',
  'client.changed',
  'client.revoked',
  'client.secret_rotated',
  'client.authentication_failed',
  'key.rotated',
  'key.revoked',
  'user.created',
  'user.changed',
  'user.disabled',
  'user.enabled',
  'user.password_changed',
  'sign_in.succeeded',
  'sign_in.failed',
  'session.ended',
] as const
export type EventKind = (typeof EVENT_KINDS)[number]

const AuditEventSchema = defineEntity({
  name: 'AuditEvent',
  tableName: 'audit_events',
  indexes: [
    { name: 'audit_events_user_index', properties: ['userId', 'id'] },
    { name: 'audit_events_client_index', properties: ['clientId', 'id'] },
    { name: 'audit_events_kind_index', properties: ['kind', 'id'] },
  ],
  // No foreign keys: the trail outlives what it tells of.
  properties: {
    /** UUIDv7, so that the order of ids is the order of events. */
    id: p.uuid().primary(),
    at: p.datetime(),
    kind: p.string().length(32).$type<EventKind>(),
    /** Whom it was done to or for. */
    userId: p.uuid().nullable().strictNullable(),
    clientId: p.uuid().nullable().strictNullable(),
    tokenId: p.uuid().nullable().strictNullable(),
    /** Who did it. */
    actorUserId: p.uuid().nullable().strictNullable(),
    actorClientId: p.uuid().nullable().strictNullable(),
    /** With which token, or in which session. */
    actorTokenId: p.uuid().nullable().strictNullable(),
    actorSessionId: p.uuid().nullable().strictNullable(),
    address: p.string().length(64).nullable().strictNullable(),
    /** Never a secret. */
    details: p.json<Record<string, unknown>>(),
  },
})

export class AuditEvent extends AuditEventSchema.class {}
AuditEventSchema.setClass(AuditEvent)
