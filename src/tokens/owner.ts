import { LockMode } from '@mikro-orm/postgresql'
import type { Token } from '../../packages/guard/src/token.ts'
import { getActor } from '../audit/actor.ts'
import type { Em } from '../database/database.ts'
import { conflict } from '../errors/errors.ts'
import { scopesForRole } from '../scopes/admin.ts'
import { type Role, User } from '../users/user.entity.ts'

/** The user who will own a token. */
export interface TokenOwner {
  id: string
  role: Role
}

/** The id of the issuing token; null if the request was made with a session or without a token. */
export const issuerOf = (within: Token | undefined): string | null =>
  within === undefined || within.id === getActor().sessionId ? null : within.id

/** The detail of the 409 when authorization was lost between the check and the commit. */
export const RIGHT_LOST = 'The user or the requesting token is no longer authorized to do this.'

/**
 * Locks the user of a token (shared) until the transaction of `em` ends. A concurrent transaction that disables the user
 * waits for it and then sees the new token.
 * @returns a function that reduces scopes to those the user's role still allows
 * @throws 409 when the user is disabled
 */
export async function lockUser(em: Em, id: string): Promise<(scopes: string[]) => string[]> {
  const user = await em.findOne(User, { id }, { lockMode: LockMode.PESSIMISTIC_READ })
  if (!user || user.disabledAt) throw conflict(RIGHT_LOST)
  return scopes => scopesForRole(scopes, user.role)
}
