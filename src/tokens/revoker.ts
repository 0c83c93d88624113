import type { Change, Changes } from '../cluster/changes.ts'
import { inBatches } from '../database/batches.ts'
import type { Database } from '../database/database.ts'
import { type Asked, asked, type PersonalOf } from './retire.ts'

/**
 * Revokes the token with this id if it is live, and what it issued; settles when it is committed.
 * @param of given: only if it is a personal token of theirs
 * @returns how many died, itself among them; 0: it was not revoked
 */
export type RevokeOne = (id: string, of?: PersonalOf) => Promise<number>

type TokenChange = Extract<Change, { kind: 'token' }>

/** Each died with its event, was told to the other nodes, and stands in the feed; all of it or nothing. */
const REVOKE = 'revoke_tokens'
/** Tokens that share one statement. */
const MOST = 100

/** One statement revokes: the lock that numbers revocations is held for as short as can be, and waited for by all nodes. */
export function createRevoker(db: Database, changes: Changes): RevokeOne {
  async function revoke(batch: Asked[]): Promise<(item: Asked) => number> {
    const mayDie = batch.map(({ id }): TokenChange => ({ kind: 'token', id }))
    /** By the tokens that were asked for: what died with another was not asked for by whoever may. */
    const counts = new Map<string, number>()
    await changes.obeying(mayDie, async () => {
      const values = [JSON.stringify(batch), new Date().toISOString()]
      const dead = await db.call<{ change: TokenChange; root: string }>(REVOKE, values)
      for (const { root } of dead) counts.set(root, (counts.get(root) ?? 0) + 1)
      return dead.map(({ change }) => change)
    })
    return ({ id }) => counts.get(id) ?? 0
  }

  // No token twice: who may not revoke it must neither be told nor be written down as if it had.
  const revokeOne = inBatches({ work: revoke, most: MOST, atOnce: 1, key: ({ id }: Asked) => id })
  return (id, of) => revokeOne(asked(id, of))
}
