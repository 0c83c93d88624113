import type { Em } from '../database/database.ts'
import { invalidGrant } from '../errors/protocol.ts'
import { insertToken } from '../tokens/insert.ts'
import type { Issue, TokenRow } from '../tokens/insert-batch.ts'

/**
 * Stores the token that a grant issues, with its audit entry, in the transaction of `em`.
 * @throws 400 `invalid_grant` if its user has been disabled or a client that it depends on has been revoked
 */
export async function insertForGrant(em: Em, row: TokenRow, issue?: Issue): Promise<void> {
  if (!(await insertToken(em, row, issue))) throw revokedMeanwhile()
}

export const revokedMeanwhile = () => invalidGrant('The user has been disabled or the client has been revoked.')
