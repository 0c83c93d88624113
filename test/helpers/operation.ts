import { runWithActor } from '../../src/audit/actor.ts'
import type { Operation } from '../../src/operations/operation.entity.ts'
import type { Services } from '../../src/services.ts'
import { type Actor, actingAs } from './app.ts'
import { copyToken } from './many.ts'

/** The request is over after its first batch. */
export const AT_ONCE = { timeoutMs: 0, background: true }

const NOBODY = { userId: null, clientId: null, tokenId: null, sessionId: null, address: null }

/** Runs work as a request by this token does. */
export const by = <T>({ user, id }: Pick<Actor, 'user' | 'id'>, work: () => Promise<T>): Promise<T> =>
  runWithActor({ ...NOBODY, userId: user.id, tokenId: id }, work)

/** A user with many tokens, who revokes them all; the rest is left to an operation. */
export async function leaveOperation(services: Services, tokens = 2_500): Promise<Actor & { operation: Operation }> {
  const me = await actingAs(services, ['tokens:read', 'tokens:write'])
  const other = await actingAs(services, ['orders:read'], { user: me.user })
  await copyToken(services, other.id, tokens)
  const options = { ...AT_ONCE, lastTokenId: me.id }
  const { operation } = await by(me, () => services.tokens.revokeAll(me.user.id, options))
  if (!operation) throw new Error('nothing was left')
  return { ...me, operation }
}

/** Waits until an operation has ended. */
export async function ended({ operations, db }: Services, id: string): Promise<Operation> {
  for (;;) {
    const operation = await operations.find(id)
    if (operation && operation.status !== 'running') return operation
    await db.query('select 1')
  }
}
