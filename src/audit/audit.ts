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

/** The columns that an SQL function needs to write its audit event: an id and the actor. */
export interface EventColumns {
  event_id: string
  actor_user_id: string | null
  actor_client_id: string | null
  actor_token_id: string | null
  actor_session_id: string | null
  address: string | null
}

/** The columns of an event that the current actor causes. */
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

/** Events of authentication, successful or not. They record the user agent. */
const AUTHENTICATION_EVENTS: ReadonlySet<EventKind> = new Set([
  'sign_in.succeeded',
  'sign_in.failed',
  'client.authentication_failed',
])

/** The row of an event that the current actor causes. */
function auditRow({ kind, userId = null, clientId = null, tokenId = null, ...entry }: AuditEntry): AuditRow {
  const { userId: actorUserId, clientId: actorClientId, tokenId: actorTokenId, ...actor } = getActor()
  const { sessionId: actorSessionId, address, userAgent } = actor
  const hasUserAgent = AUTHENTICATION_EVENTS.has(kind) && userAgent !== undefined
  const details = { ...entry.details, ...(hasUserAgent && { user_agent: userAgent }) }
  const by = { actorUserId, actorClientId, actorTokenId, actorSessionId, address }
  return { id: newId(), at: new Date(), kind, userId, clientId, tokenId, ...by, details }
}

/** Writes an audit event in the transaction of the action that it records, so that both commit or neither does. */
export function writeAudit(em: Em, entry: AuditEntry): void {
  em.persist(em.create(AuditEvent, auditRow(entry)))
}
