import { type FilterQuery, LockMode } from '@mikro-orm/postgresql'
import { type Actor, actingFor, currentActor } from '../audit/actor.ts'
import { record } from '../audit/audit.ts'
import type { Announce } from '../changes/changes.ts'
import type { Em } from '../database.ts'
import { AccessToken } from './token.entity.ts'

/**
 * Revokes every live token that matches, and those exchanged for one of them, in the transaction of `em`; each is
 * announced and written down.
 * @returns how many died
 */
export async function retire(em: Em, announce: Announce, where: FilterQuery<AccessToken>): Promise<number> {
  return (await retireBy(em, announce, where, currentActor)).length
}

/**
 * The same for several who act at once.
 * @param actorOf whose doing it is that the token with this id, or the one it was exchanged for, dies
 * @returns the ids of those that died
 */
export async function retireBy(
  em: Em,
  announce: Announce,
  where: FilterQuery<AccessToken>,
  actorOf: (id: string) => Actor | undefined,
): Promise<string[]> {
  const parents = await lockLive(em, where)
  const children = parents.length > 0 ? await lockLive(em, { parent: { $in: parents.map(t => t.id) } }) : []
  const tokens = [...new Map([...parents, ...children].map(t => [t.id, t])).values()]
  if (tokens.length === 0) return []
  await em.nativeUpdate(AccessToken, { id: { $in: tokens.map(t => t.id) } }, { revoked: true, updatedAt: new Date() })
  for (const { id, parent, user, client } of tokens) {
    announce({ kind: 'token', id })
    const actor = actorOf(id) ?? actorOf(parent as string)
    actingFor(actor as Actor, () => record(em, { kind: 'token.revoked', tokenId: id, userId: user, clientId: client }))
  }
  return tokens.map(({ id }) => id)
}

/** In one order everywhere, so that two of these wait for each other and do not deadlock. */
const lockLive = (em: Em, where: FilterQuery<AccessToken>) =>
  em.find(AccessToken, { $and: [where, { revoked: false }] } as FilterQuery<AccessToken>, {
    fields: ['id', 'user', 'client', 'parent'],
    lockMode: LockMode.PESSIMISTIC_WRITE,
    orderBy: { id: 'asc' },
  })
