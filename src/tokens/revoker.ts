import type { FilterQuery } from '@mikro-orm/postgresql'
import { type Actor, currentActor } from '../audit/actor.ts'
import type { Changes } from '../changes/changes.ts'
import { PosternError } from '../errors.ts'
import { retireBy } from './retire.ts'
import type { AccessToken } from './token.entity.ts'

/** Revokes the token with this id if it is live and matches. @returns false: none was */
export type RevokeOne = (id: string, where: FilterQuery<AccessToken>) => Promise<boolean>

/** Tokens that share one transaction. */
const MOST = 100

interface Waiting {
  id: string
  where: FilterQuery<AccessToken>
  actor: Actor
  resolve: (died: boolean) => void
  reject: (error: unknown) => void
}

/**
 * Revocations that arrive while one is under way share the next transaction: each costs ten ways to the database and
 * back, and the lock that numbers them is waited for. An idle node revokes at once.
 */
export function createRevoker(changes: Changes): RevokeOne {
  const waiting: Waiting[] = []
  let working = false

  /** No token twice: who may not revoke it must neither be told nor be written down as if it had. */
  function next(): Waiting[] {
    const batch = new Map<string, Waiting>()
    const later: Waiting[] = []
    for (const each of waiting.splice(0)) {
      if (batch.size < MOST && !batch.has(each.id)) batch.set(each.id, each)
      else later.push(each)
    }
    waiting.push(...later)
    return [...batch.values()]
  }

  async function revoke(batch: Waiting[]): Promise<void> {
    const actors = new Map(batch.map(({ id, actor }) => [id, actor]))
    const where = { $or: batch.map(each => each.where) } as FilterQuery<AccessToken>
    const dead = await changes.transaction((em, announce) => retireBy(em, announce, where, id => actors.get(id)))
    const ids = new Set(dead)
    for (const { id, resolve } of batch) resolve(ids.has(id))
  }

  async function together(batch: Waiting[]): Promise<void> {
    try {
      await revoke(batch)
    } catch (error) {
      // What one of them stumbled over must not keep the others alive; a database that is away fails them all.
      if (batch.length === 1 || error instanceof PosternError) for (const { reject } of batch) reject(error)
      else for (const each of batch) await revoke([each]).catch(each.reject)
    }
  }

  async function work(): Promise<void> {
    working = true
    while (waiting.length > 0) await together(next())
    working = false
  }

  return (id, where) =>
    new Promise((resolve, reject) => {
      waiting.push({ id: id.toLowerCase(), where, actor: currentActor(), resolve, reject })
      if (!working) void work()
    })
}
