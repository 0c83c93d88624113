import { writeAudit } from '../audit/audit.ts'
import type { EventKind } from '../audit/event-kinds.ts'
import type { Em } from '../database/database.ts'
import { Trust } from './trust.entity.ts'

/**
 * Removes the trusts by which workloads get tokens of a user, in the transaction of `em`. The tokens are the user's, and are
 * revoked with the others.
 */
export async function removeTrustsOf(em: Em, user: string): Promise<void> {
  for (const trust of await em.find(Trust, { user })) {
    auditTrust(em, 'trust.removed', trust)
    em.remove(trust)
  }
  await em.flush()
}

export function auditTrust(em: Em, kind: EventKind, trust: Trust): void {
  const { id, name, issuer, match, scopes, user, client } = trust
  writeAudit(em, { kind, userId: user, clientId: client, details: { trust: id, name, issuer, match, scopes } })
}
