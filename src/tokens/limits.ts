import { insufficientScope } from '../../packages/guard/src/errors.ts'
import { WILDCARD } from '../../packages/guard/src/scope-set.ts'
import type { Token } from '../../packages/guard/src/token.ts'
import type { Config } from '../config/config.ts'
import { forbidden, invalid } from '../errors/errors.ts'
import { isForRole } from '../scopes/admin.ts'
import { type Catalogue, TOKENS_ROTATE } from '../scopes/catalogue.ts'
import type { TokenOwner } from './owner.ts'
import type { AccessToken } from './token.entity.ts'

/** How much a user's token may be given, and by a token that asks. */
export interface Limits {
  /**
   * @param existing scopes that the token has already: it may keep what has left the catalogue, or is not for this user now
   * @throws 422 for an unknown scope, or one that is not for this user; 403 for one that the asking token lacks
   */
  scopesFor(
    user: TokenOwner,
    requested: readonly string[] | undefined,
    issuingToken: Token | undefined,
    existing?: readonly string[],
  ): string[]
  /** @throws 422 for an end that lies in the past, or too far ahead */
  expiryFor(chosen: Date | undefined, issuingToken: Token | undefined): Date
  /** What no rotation of a token that is issued now passes: the longest life of a family, or the end of the token that asks. */
  familyEnd(issuingToken: Token | undefined): Date
  /**
   * A longer-lived token is not given what the asking one has for a shorter time.
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
    const scopes = catalogue.resolve(requested ?? [...catalogue.defaults, TOKENS_ROTATE], existing)
    const admin = scopes.filter(s => !isForRole(s, user.role) && !existing.includes(s))
    if (admin.length > 0) {
      throw invalid({ path: 'scopes', message: `${admin.join(', ')}: only an administrator may have it` })
    }
    if (!issuingToken) return scopes
    // Defaults nobody asked for shrink to what there is; what was asked for is given or refused.
    if (!requested) return scopes.filter(s => issuingToken.lacks([s]).length === 0)
    // Nobody can be given what has left the catalogue: it is only kept.
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
    if (!(end.getTime() > now)) throw invalid({ path: 'expires_at', message: 'must lie in the future' })
    if (end.getTime() > limit) {
      throw invalid({ path: 'expires_at', message: `must not lie beyond ${new Date(limit).toISOString()}` })
    }
    if (!issuingToken || end <= issuingToken.expiresAt) return end
    if (!chosen) return issuingToken.expiresAt
    throw invalid({
      path: 'expires_at',
      message: `must not lie beyond ${issuingToken.expiresAt.toISOString()}, when the token that asks expires`,
    })
  }

  function assertNotOutlasting(issuingToken: Token, token: AccessToken, scopes: readonly string[]): void {
    if (token.expiresAt <= issuingToken.expiresAt || scopes.every(s => catalogue.covers(token.scopes, s))) return
    throw forbidden('The token would keep a new scope for longer than the token that asks has it.')
  }

  const familyEnd = (issuingToken: Token | undefined) => lastRotation(new Date(), config, issuingToken?.expiresAt)

  return { scopesFor, expiryFor, familyEnd, assertNotOutlasting }
}

/** @throws 403 that names the scopes the asking token lacks; `*` is had only by a token that has it */
export function assertCovers(issuingToken: Token, scopes: readonly string[]): void {
  const missing = [...issuingToken.lacks(scopes.filter(s => s !== WILDCARD))]
  if (scopes.includes(WILDCARD) && !issuingToken.scopes.includes(WILDCARD)) missing.push(WILDCARD)
  if (missing.length > 0) throw insufficientScope('all', scopes, issuingToken.scopes, missing)
}

/**
 * When a family ends at the latest.
 * @param first when its first token was issued
 * @param bound an end that it may not pass besides
 */
export function lastRotation(
  first: Date,
  { tokenFamilyLifetime }: Pick<Config, 'tokenFamilyLifetime'>,
  bound?: Date,
): Date {
  const end = first.getTime() + tokenFamilyLifetime * 1000
  return wholeSeconds(bound ? Math.min(end, bound.getTime()) : end)
}

/** A JWT counts whole seconds (RFC 7519 §2), so the row does too. */
export const wholeSeconds = (ms: number) => new Date(Math.floor(ms / 1000) * 1000)
