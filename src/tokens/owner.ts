import { LockMode } from '@mikro-orm/postgresql'
import type { Token } from '../../packages/guard/src/token.ts'
import { getActor } from '../audit/actor.ts'
import type { Em } from '../database/database.ts'
import { conflict } from '../errors/errors.ts'
import { limitScopes, scopesForRole } from '../scopes/admin.ts'
import type { Catalogue } from '../scopes/catalogue.ts'
import { type Role, User } from '../users/user.entity.ts'

/** The user who will own a token. */
export interface TokenOwner {
  /** The id of the row. */
  id: string
  role: Role
  /** All scopes that tokens of the user can have; null: no limit. */
  allowedScopes?: readonly string[] | null | undefined
  /** The id of a user of an application there, which tokens contain. */
  subject?: string | null
}

/**
 * For a token of a service account that somebody else asks for: runs in the transaction that stores it, and throws if the
 * person may not do so any more. Such a token does not end with the token or the session that asked for it.
 */
export type AuthorizeFor = (em: Em) => Promise<void>

type Limited = Pick<TokenOwner, 'role' | 'allowedScopes'>

/** The scopes that tokens of an owner may have of these. */
export const reduceScopes = (scopes: readonly string[], { role, allowedScopes }: Limited, inherit: boolean): string[] =>
  limitScopes(scopesForRole(scopes, role), allowedScopes, inherit)

/** Whether tokens of an owner may have a scope, whatever the role. */
export const isAllowed = (
  { inherit }: Pick<Catalogue, 'inherit'>,
  { allowedScopes }: Pick<TokenOwner, 'allowedScopes'>,
  scope: string,
) => limitScopes([scope], allowedScopes, inherit).includes(scope)

/** The id of the issuing token; null if the request was made with a session or without a token. */
export const issuerOf = (within: Token | undefined): string | null =>
  within === undefined || within.id === getActor().sessionId ? null : within.id

/** The detail of the 409 when authorization was lost between the check and the commit. */
export const RIGHT_LOST = 'The user or the requesting token is no longer authorized to do this.'

/**
 * Locks the user of a token (shared) until the transaction of `em` ends. A concurrent transaction that disables the user
 * waits for it and then sees the new token.
 * @param alone locks the user exclusively, for a transaction that counts the user's tokens
 * @param inherit whether the catalogue's scopes include those below them
 * @returns a function that reduces scopes to those the user's role and groups still allow
 * @throws 409 when the user is disabled
 */
export async function lockUser(
  em: Em,
  id: string,
  alone: boolean,
  inherit: boolean,
): Promise<(scopes: string[]) => string[]> {
  const user = await em.findOne(
    User,
    { id },
    { lockMode: alone ? LockMode.PESSIMISTIC_WRITE : LockMode.PESSIMISTIC_READ },
  )
  if (!user || user.disabledAt) throw conflict(RIGHT_LOST)
  return scopes => reduceScopes(scopes, user, inherit)
}
