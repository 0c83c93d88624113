import type { Change, InvalidationBus } from '../cluster/invalidation-bus.ts'
import { createBatcher } from '../database/batcher.ts'
import type { Database } from '../database/database.ts'
import { type PersonalTokenOwner, type RevocationRequest, toRevocationRequest } from './revoke.ts'

/**
 * Revokes the token with this id if it is live, and what it issued; settles when it is committed.
 * @param of given: only if it is a personal token of theirs
 * @returns how many died, itself among them; 0: it was not revoked
 */
export type RevokeToken = (id: string, of?: PersonalTokenOwner) => Promise<number>

type TokenChange = Extract<Change, { kind: 'token' }>

/** Each died with its event, was told to the other nodes, and stands in the feed; all of it or nothing. */
const REVOKE = 'revoke_tokens'
/** Tokens that share one statement. */
const MAX_BATCH = 100

/** One statement revokes: the lock that numbers revocations is held for as short as can be, and waited for by all nodes. */
export function createTokenRevoker(db: Database, bus: InvalidationBus): RevokeToken {
  async function revokeBatch(batch: RevocationRequest[]): Promise<(item: RevocationRequest) => number> {
    const expected = batch.map(({ id }): TokenChange => ({ kind: 'token', id }))
    /** By the tokens that were asked for: what died with another was not asked for by whoever may. */
    const counts = new Map<string, number>()
    await bus.publishStatementResult(expected, async () => {
      const values = [JSON.stringify(batch), new Date().toISOString()]
      const revoked = await db.call<{ change: TokenChange; root: string }>(REVOKE, values)
      for (const { root } of revoked) counts.set(root, (counts.get(root) ?? 0) + 1)
      return revoked.map(({ change }) => change)
    })
    return ({ id }) => counts.get(id) ?? 0
  }

  // No token twice: who may not revoke it must neither be told nor be written down as if it had.
  const revokeOne = createBatcher({
    work: revokeBatch,
    maxBatchSize: MAX_BATCH,
    concurrency: 1,
    key: ({ id }: RevocationRequest) => id,
  })
  return (id, of) => revokeOne(toRevocationRequest(id, of))
}
