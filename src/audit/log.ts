import type { FilterQuery } from '@mikro-orm/postgresql'
import type { Database } from '../database/database.ts'
import { AuditEvent, type EventKind } from './event.entity.ts'

export interface AuditFilter {
  kind?: EventKind | undefined
  /** The user that the action affected, or that performed it. */
  userId?: string | undefined
  clientId?: string | undefined
  /** Which it was done to, or with. */
  tokenId?: string | undefined
  /** Which it was done to, by whatever means. */
  ofToken?: string | undefined
  since?: Date | undefined
  until?: Date | undefined
}

export interface AuditLog {
  /** Newest first. */
  list(filter: AuditFilter, page: { limit: number; after?: string | undefined }): Promise<AuditEvent[]>
}

export function createAuditLog(db: Database): AuditLog {
  return {
    list: (filter, { limit, after }) =>
      db.run(em => em.find(AuditEvent, where(filter, after), { orderBy: { id: 'desc' }, limit })),
  }
}

function where(
  { kind, userId, clientId, tokenId, ofToken, since, until }: AuditFilter,
  after?: string,
): FilterQuery<AuditEvent> {
  const conditions: FilterQuery<AuditEvent>[] = []
  if (kind) conditions.push({ kind })
  if (userId) conditions.push({ $or: [{ userId }, { actorUserId: userId }] })
  if (clientId) conditions.push({ $or: [{ clientId }, { actorClientId: clientId }] })
  if (tokenId) conditions.push({ $or: [{ tokenId }, { actorTokenId: tokenId }] })
  if (ofToken) conditions.push({ tokenId: ofToken })
  if (since) conditions.push({ at: { $gte: since } })
  if (until) conditions.push({ at: { $lt: until } })
  if (after) conditions.push({ id: { $lt: after } })
  return { $and: conditions } as FilterQuery<AuditEvent>
}
