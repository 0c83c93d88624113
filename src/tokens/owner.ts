import { LockMode } from '@mikro-orm/postgresql'
import type { Token } from '../../packages/guard/src/token.ts'
import { getActor } from '../audit/actor.ts'
import type { Em } from '../database/database.ts'
import { conflict } from '../errors/errors.ts'
import { scopesForRole } from '../scopes/admin.ts'
import { type Role, User } from '../users/user.entity.ts'

/** Whose token it is to be. */
export interface TokenOwner {
  id: string
  role: Role
}

/** The id of the token that asks; null: a session does, which is none, or nobody. */
export const issuerOf = (within: Token | undefined): string | null =>
  within === undefined || within.id === getActor().sessionId ? null : within.id

/** Why something is not issued that could have been a moment ago. */
export const RIGHT_LOST = 'The user or the token that asks has lost the right to this meanwhile.'

/**
 * Holds the user of a token shared until the transaction of `em` ends, so that whoever disables it sees what was made.
 * @returns what is left of scopes that the user was once given
 * @throws 409 when the user is disabled
 */
export async function lockUser(em: Em, id: string): Promise<(scopes: string[]) => string[]> {
  const user = await em.findOne(User, { id }, { lockMode: LockMode.PESSIMISTIC_READ })
  if (!user || user.disabledAt) throw conflict(RIGHT_LOST)
  return scopes => scopesForRole(scopes, user.role)
}
