import { insufficientScope } from '../../packages/guard/src/errors.ts'
import { isAdminScope, WILDCARD } from '../../packages/guard/src/scope-set.ts'
import type { Token } from '../../packages/guard/src/token.ts'
import type { Config } from '../config/config.ts'
import { forbidden, invalid } from '../errors/errors.ts'
import { isForRole, limitScopes } from '../scopes/admin.ts'
import { type Catalogue, TOKENS_ROTATE } from '../scopes/catalogue.ts'
import type { TokenOwner } from './owner.ts'
import { assertNotStale } from './stale-session.ts'
import type { AccessToken } from './token.entity.ts'

/** Limits of what a user's token can be granted, also when another token issues it. */
export interface Limits {
  /**
   * @param existing scopes that the token already has. It may keep those that were removed from the catalogue, or that the
   *   user's role no longer allows.
   * @throws 422 for a scope that is unknown or not allowed for the owner; 403 for one that the issuing token lacks
   */
  scopesFor(
    user: TokenOwner,
    requested: readonly string[] | undefined,
    issuingToken: Token | undefined,
    existing?: readonly string[],
  ): string[]
  /** @throws 422 for an expiry that is in the past or exceeds a limit */
  expiryFor(chosen: Date | undefined, issuingToken: Token | undefined): Date
  /** When the family of a token issued now expires: after the maximum family lifetime, or with the issuing token. */
  familyEnd(issuingToken: Token | undefined): Date
  /**
   * Prevents that a token gets a scope of an issuing token that expires earlier.
   * @throws 403
   */
  assertNotOutlasting(issuingToken: Token, token: AccessToken, scopes: readonly string[]): void
}

export function createLimits(
  catalogue: Catalogue,
  config: Pick<Config, 'personalTokenLifetime' | 'tokenMaxLifetime' | 'tokenFamilyLifetime'>,
): Limits {
  function scopesFor(
    user: TokenOwner,
    requested: readonly string[] | undefined,
    issuingToken: Token | undefined,
    existing: readonly string[] = [],
  ): string[] {
    let scopes = catalogue.resolve(requested ?? [...catalogue.defaults, TOKENS_ROTATE], existing)
    const admin = scopes.filter(s => !isForRole(s, user.role) && !existing.includes(s))
    if (admin.length > 0) {
      throw invalid({ path: 'scopes', message: `${admin.join(', ')}: only administrators can have this scope` })
    }
    const isLimited = (s: string) => limitScopes([s], user.allowedScopes, catalogue.inherit).includes(s)
    const limited = requested ? scopes.filter(s => !isLimited(s) && !existing.includes(s)) : []
    if (limited.length > 0) {
      throw invalid({
        path: 'scopes',
        message: `${limited.join(', ')}: the owner of the token is not allowed this scope; an administrator decides that`,
      })
    }
    if (!requested && user.allowedScopes) scopes = scopes.filter(isLimited)
    if (!issuingToken) return scopes
    // Default scopes are reduced to those of the issuing token. Requested scopes are granted in full or rejected.
    if (!requested) return scopes.filter(s => issuingToken.lacks([s]).length === 0)
    // A scope that was removed from the catalogue cannot be granted anew; here it is only kept.
    const removed = catalogue.unknown(scopes)
    assertCovers(
      issuingToken,
      scopes.filter(s => !removed.includes(s)),
    )
    return scopes
  }

  function expiryFor(chosen: Date | undefined, issuingToken: Token | undefined): Date {
    const now = Date.now()
    const limit = now + config.tokenMaxLifetime * 1000
    const end = wholeSeconds(chosen?.getTime() ?? now + config.personalTokenLifetime * 1000)
    if (end.getTime() <= now) throw invalid({ path: 'expires_at', message: 'must be in the future' })
    // A `Date` that is out of range has no time.
    if (!(end.getTime() <= limit)) {
      throw invalid({ path: 'expires_at', message: `must not be later than ${new Date(limit).toISOString()}` })
    }
    if (!issuingToken || end <= issuingToken.expiresAt) return end
    if (!chosen) return issuingToken.expiresAt
    throw invalid({
      path: 'expires_at',
      message: `must not be later than ${issuingToken.expiresAt.toISOString()}, when the requesting token expires`,
    })
  }

  function assertNotOutlasting(issuingToken: Token, token: AccessToken, scopes: readonly string[]): void {
    if (token.expiresAt <= issuingToken.expiresAt || scopes.every(s => catalogue.covers(token.scopes, s))) return
    throw forbidden('The token would keep a new scope after the requesting token expires.')
  }

  const familyEnd = (issuingToken: Token | undefined) => lastRotation(new Date(), config, issuingToken?.expiresAt)

  return { scopesFor, expiryFor, familyEnd, assertNotOutlasting }
}

/**
 * Only a token with `*` covers `*`.
 * @throws 403 that names the scopes that the issuing token lacks, or for administrative scopes by a session that is not fresh
 */
export function assertCovers(issuingToken: Token, scopes: readonly string[]): void {
  assertNotStale(issuingToken, scopes)
  const missing = [...issuingToken.lacks(scopes.filter(s => s !== WILDCARD))]
  if (scopes.includes(WILDCARD) && !issuingToken.scopes.includes(WILDCARD)) missing.push(WILDCARD)
  if (missing.length > 0) throw insufficientScope('all', scopes, issuingToken.scopes, missing)
}

/**
 * Administrative scopes are granted only by a token that has them, also to another administrator.
 * @throws 403 that names the scopes that the token lacks
 */
export const assertMayGrant = (token: Token, scopes: readonly string[]): void =>
  assertCovers(token, scopes.filter(isAdminScope))

/**
 * The latest expiry of any token of a family.
 * @param first when its first token was issued
 * @param bound another upper bound
 */
export function lastRotation(
  first: Date,
  { tokenFamilyLifetime }: Pick<Config, 'tokenFamilyLifetime'>,
  bound?: Date,
): Date {
  const end = first.getTime() + tokenFamilyLifetime * 1000
  return wholeSeconds(bound ? Math.min(end, bound.getTime()) : end)
}

/** Rounds down to whole seconds, as in a JWT (RFC 7519 §2), so that row and JWT agree. */
export const wholeSeconds = (ms: number) => new Date(Math.floor(ms / 1000) * 1000)
