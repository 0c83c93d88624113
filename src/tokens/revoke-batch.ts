import type { Change, InvalidationBus } from '../cluster/invalidation-bus.ts'
import { createBatcher } from '../database/batcher.ts'
import type { Database } from '../database/database.ts'
import { type PersonalTokenOwner, type RevocationRequest, toRevocationRequest } from './revoke.ts'

/**
 * Revokes the token with this id if it is live, and the tokens that it issued. Resolves after the commit.
 * @param of revoke it only if it is a personal token of this owner
 * @returns the number of revoked tokens, including itself; 0: it was not revoked
 */
export type RevokeToken = (id: string, of?: PersonalTokenOwner) => Promise<number>

type TokenChange = Extract<Change, { kind: 'token' }>

/** Revokes the tokens, writes their audit entries and status events and notifies the other nodes, in one statement. */
const REVOKE = 'revoke_tokens'
/** Tokens that share one statement. */
const MAX_BATCH = 100

/** Batches share one statement, because all nodes wait for the lock that numbers status events. */
export function createTokenRevoker(db: Database, bus: InvalidationBus): RevokeToken {
  async function revokeBatch(batch: RevocationRequest[]): Promise<(item: RevocationRequest) => number> {
    const expected = batch.map(({ id }): TokenChange => ({ kind: 'token', id }))
    /** By requested token: a token that was revoked along with another one was not itself requested. */
    const counts = new Map<string, number>()
    await bus.publishStatementResult(expected, async () => {
      const values = [JSON.stringify(batch), new Date().toISOString()]
      const revoked = await db.call<{ change: TokenChange; root: string }>(REVOKE, values)
      for (const { root } of revoked) counts.set(root, (counts.get(root) ?? 0) + 1)
      return revoked.map(({ change }) => change)
    })
    return ({ id }) => counts.get(id) ?? 0
  }

  // A batch has no token twice: a caller who may not revoke it must not get another's result, nor an audit entry.
  const revokeOne = createBatcher({
    work: revokeBatch,
    maxBatchSize: MAX_BATCH,
    concurrency: 1,
    key: ({ id }: RevocationRequest) => id,
  })
  return (id, of) => revokeOne(toRevocationRequest(id, of))
}
