import type { Em } from '../database/database.ts'
import { newId } from '../database/ids.ts'
import { getActor } from './actor.ts'
import { AuditEvent, type EventKind } from './event.entity.ts'

export interface AuditEntry {
  kind: EventKind
  userId?: string | null | undefined
  clientId?: string | null | undefined
  tokenId?: string | null | undefined
  details?: Record<string, unknown>
}

type AuditRow = Pick<
  AuditEvent,
  | 'id'
  | 'at'
  | 'kind'
  | 'userId'
  | 'clientId'
  | 'tokenId'
  | 'actorUserId'
  | 'actorClientId'
  | 'actorTokenId'
  | 'actorSessionId'
  | 'address'
  | 'details'
>

/** What a function of the database needs besides what happened, to write down its event; by column. */
export interface EventColumns {
  event_id: string
  actor_user_id: string | null
  actor_client_id: string | null
  actor_token_id: string | null
  actor_session_id: string | null
  address: string | null
}

/** Of an event whose doer is whoever acts now. */
export function eventColumns(): EventColumns {
  const { userId, clientId, tokenId, sessionId, address } = getActor()
  return {
    event_id: newId(),
    actor_user_id: userId,
    actor_client_id: clientId,
    actor_token_id: tokenId,
    actor_session_id: sessionId,
    address,
  }
}

/** Proofs of who somebody is, kept or failed: what sent them is part of what happened. */
const PROOFS: ReadonlySet<EventKind> = new Set(['sign_in.succeeded', 'sign_in.failed', 'client.authentication_failed'])

/** The row that tells of a happening, by whoever acts now. */
function auditRow({ kind, userId = null, clientId = null, tokenId = null, ...happening }: AuditEntry): AuditRow {
  const { userId: actorUserId, clientId: actorClientId, tokenId: actorTokenId, ...actor } = getActor()
  const { sessionId: actorSessionId, address, userAgent } = actor
  const shown = PROOFS.has(kind) && userAgent !== undefined
  const details = { ...happening.details, ...(shown && { user_agent: userAgent }) }
  const by = { actorUserId, actorClientId, actorTokenId, actorSessionId, address }
  return { id: newId(), at: new Date(), kind, userId, clientId, tokenId, ...by, details }
}

/** Writes it down in the transaction of the act itself, so that neither happens without the other. */
export function writeAudit(em: Em, entry: AuditEntry): void {
  em.persist(em.create(AuditEvent, auditRow(entry)))
}
