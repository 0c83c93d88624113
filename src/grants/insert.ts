import type { AuditEntry } from '../audit/audit.ts'
import type { Em } from '../database/database.ts'
import { invalidGrant } from '../errors/protocol.ts'
import { insertToken } from '../tokens/insert.ts'
import type { TokenRow } from '../tokens/insert-batch.ts'

/**
 * Stores the token that a grant comes to, with its audit event, in the transaction of `em`.
 * @throws 400 `invalid_grant` when its user or a client that it rests on has been disabled or revoked meanwhile
 */
export async function insertForGrant(em: Em, row: TokenRow, event: AuditEntry): Promise<void> {
  if (!(await insertToken(em, row, event))) throw revokedMeanwhile()
}

export const revokedMeanwhile = () => invalidGrant('The user has been disabled or the client revoked meanwhile.')
