import type { Change, Changes } from '../cluster/changes.ts'
import { inBatches } from '../database/batches.ts'
import type { Database } from '../database/database.ts'
import { type Asked, asked, type PersonalOf } from './retire.ts'

/**
 * Revokes the token with this id if it is live, and those exchanged for it; settles when it is committed.
 * @param of given: only if it is a personal token of theirs
 * @returns false: none was
 */
export type RevokeOne = (id: string, of?: PersonalOf) => Promise<boolean>

type TokenChange = Extract<Change, { kind: 'token' }>

/** Each died with its event, was told to the other nodes, and stands in the feed; all of it or nothing. */
const REVOKE = 'revoke_tokens'
/** Tokens that share one statement. */
const MOST = 100

/** One statement revokes: the lock that numbers revocations is held for as short as can be, and waited for by all nodes. */
export function createRevoker(db: Database, changes: Changes): RevokeOne {
  async function revoke(batch: Asked[]): Promise<(item: Asked) => boolean> {
    const mayDie = batch.map(({ id }): TokenChange => ({ kind: 'token', id }))
    const allowed = new Set<string>()
    await changes.obeying(mayDie, async () => {
      const values = [JSON.stringify(batch), new Date().toISOString()]
      const dead = await db.call<{ change: TokenChange; by_itself: boolean }>(REVOKE, values)
      // What died with another was not asked for by whoever may.
      for (const { change, by_itself } of dead) if (by_itself) allowed.add(change.id)
      return dead.map(({ change }) => change)
    })
    return ({ id }) => allowed.has(id)
  }

  // No token twice: who may not revoke it must neither be told nor be written down as if it had.
  const revokeOne = inBatches({ work: revoke, most: MOST, atOnce: 1, key: ({ id }: Asked) => id })
  return (id, of) => revokeOne(asked(id, of))
}
