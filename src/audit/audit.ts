import { v7 as uuid } from 'uuid'
import type { Em } from '../database.ts'
import { currentActor } from './actor.ts'
import { AuditEvent, type EventKind } from './event.entity.ts'

export interface Happening {
  kind: EventKind
  userId?: string | null | undefined
  clientId?: string | null | undefined
  tokenId?: string | null | undefined
  details?: Record<string, unknown>
}

export type AuditRow = Pick<
  AuditEvent,
  'id' | 'at' | 'kind' | 'userId' | 'clientId' | 'tokenId' | 'actorUserId' | 'actorClientId' | 'address' | 'details'
>

/** The row that tells of a happening, by whoever acts now. */
export function auditRow({ kind, userId = null, clientId = null, tokenId = null, details = {} }: Happening): AuditRow {
  const { userId: actorUserId, clientId: actorClientId, address } = currentActor()
  return { id: uuid(), at: new Date(), kind, userId, clientId, tokenId, actorUserId, actorClientId, address, details }
}

/** Writes it down in the transaction of the act itself, so that neither happens without the other. */
export function record(em: Em, happening: Happening): void {
  em.persist(em.create(AuditEvent, auditRow(happening)))
}
