import { invalidToken } from '../../packages/guard/src/errors.ts'
import { bindText, type Token, wholeSecond } from '../../packages/guard/src/token.ts'
import { flattenText } from '../../packages/guard/src/token-text-cache.ts'
import type { Verifier } from '../../packages/guard/src/verifier.ts'
import { hasActor, setActor } from '../audit/actor.ts'
import type { InvalidationBus } from '../cluster/invalidation-bus.ts'
import type { Config } from '../config/config.ts'
import { userRowOf } from '../users/user-row.ts'
import { type AudienceConfig, isMeantForIssuer, resourcesOf } from './audience.ts'
import { type ConfirmUsers, confirmed, confirmedImported } from './confirmed.ts'
import type { ImportedTexts } from './imported.ts'
import { createOpaqueCache } from './opaque-cache.ts'
import { assertUsable, type CacheEntry, clientRowOf, type TokenRecord, type TokenRecords } from './records.ts'
import { isOpaqueText } from './text.ts'
import type { Usage } from './usage.ts'

/**
 * A verified text and the last result of checking it. Memory access dominates the cost of a check, so this one object
 * contains everything that a repeated check needs. Times are in whole seconds because V8 stores small integers inline but
 * milliseconds in a separate object.
 */
interface VerifiedToken extends CacheEntry {
  readonly text: string
  /** The `exp` of a JWT, in milliseconds since the epoch. */
  readonly expiresAt: number
  /** The result of the last check. */
  token: Token | undefined
  /** The result is valid while the cache version equals this, */
  cacheVersion: number
  /** and before this second. */
  validUntil: number
  /** The second of the last recorded use; uses are recorded at most once per second. */
  lastUsedSecond: number
}

/** Creates the cache entry of a verified text. */
export function toCacheEntry({ text, id, expiresAt }: { text: string; id: string; expiresAt: number }): VerifiedToken {
  return {
    text,
    id,
    expiresAt,
    record: undefined,
    recordVersion: undefined,
    token: undefined,
    cacheVersion: -1,
    validUntil: 0,
    lastUsedSecond: 0,
  }
}

export interface AuthenticateOptions {
  bus: InvalidationBus
  verifier: Verifier<VerifiedToken>
  records: TokenRecords
  usage: Usage
  /** Determines the issuer's own audiences. The verifier checks the `aud` of a JWT; for opaque tokens the row is checked. */
  config: AudienceConfig & Pick<Config, 'tokenPrefix' | 'cachedTokens'>
  /** Texts that another system issued. */
  imported: ImportedTexts
  ownUsers: ConfirmUsers
}

/** Whose token it is acts from now on, for the audit log. */
export function actAs(token: Token): Token {
  if (hasActor()) setActor({ userId: userRowOf(token), clientId: clientRowOf(token), tokenId: token.id })
  return token
}

/**
 * Creates the function that authenticates a token's text. It verifies each text once, a JWT by its signature and an opaque
 * token by its hash, and caches the result. It checks the status of the token every time, from the cache if possible.
 */
export function createAuthenticate(options: AuthenticateOptions) {
  const { bus, verifier, records, usage, config, imported, ownUsers } = options
  const { tokenPrefix, cachedTokens } = config
  const opaqueCache = createOpaqueCache<VerifiedToken>(bus, cachedTokens)

  function usableToken(record: TokenRecord | undefined, now: number): Token {
    const { token, audience: resourceAudience } = assertUsable(record, now)
    if (resourceAudience !== null && !isMeantForIssuer(resourcesOf(resourceAudience), config))
      throw invalidToken('The access token is meant for another audience.')
    return token
  }

  function touch(token: Token, now = Date.now()): Token {
    usage.touch(token.id, now)
    return actAs(token)
  }

  async function findByText(text: string): Promise<Token> {
    const record = await confirmed(ownUsers, () => records.findByText(text))
    const expiresAt = Number.POSITIVE_INFINITY
    if (record) opaqueCache.set(toCacheEntry({ text: flattenText(text), id: record.token.id, expiresAt }))
    return touch(usableToken(record, Date.now()))
  }

  async function findImported(text: string): Promise<Token> {
    const found = await opaqueCache.verifyImported(
      () => confirmedImported(ownUsers, () => imported.find(text)),
      found => found?.record && toCacheEntry({ ...found, text: flattenText(text), id: found.record.token.id }),
    )
    if (!found) return verifier.verify(text).then(check)
    return touch(usableToken(found.record, Date.now()))
  }

  async function findById(id: string): Promise<Token> {
    return touch(usableToken(await confirmed(ownUsers, () => records.find(id)), Date.now()))
  }

  /** Checks a text for the first time, or again after a change. @returns undefined if the record is not cached, or the user not confirmed */
  function decide(verified: VerifiedToken, now: number): Token | undefined {
    if (verified.expiresAt <= now) throw invalidToken('The access token has expired.')
    const record = records.fromCache(verified)
    if (!record) return undefined
    const confirmedUntil = ownUsers.confirmedUntil(record.subject)
    if (confirmedUntil <= now) return undefined
    const token = usableToken(record, now)
    verified.token = token
    bindText(token, verified.text)
    verified.cacheVersion = records.cacheVersion() ?? -1
    verified.validUntil = wholeSecond(Math.min(record.expiresAt, verified.expiresAt, confirmedUntil))
    return token
  }

  function check(verified: VerifiedToken): Token | Promise<Token> {
    const now = Date.now()
    const second = wholeSecond(now)
    const isCurrent = verified.cacheVersion === records.cacheVersion() && second < verified.validUntil
    const token = isCurrent ? (verified.token as Token) : decide(verified, now)
    if (!token) return findById(verified.id)
    if (verified.lastUsedSecond === second) return actAs(token)
    verified.lastUsedSecond = second
    return touch(token, now)
  }

  return function authenticate(text: string): Token | Promise<Token> {
    if (text.startsWith(tokenPrefix)) {
      const cached = opaqueCache.get(text)
      if (cached) return check(cached)
      if (isOpaqueText(tokenPrefix, text)) return findByText(text)
    }
    const verified = verifier.get(text)
    if (verified) return check(verified)
    if (!imported.isPossible(text)) return verifier.verify(text).then(check)
    const cached = opaqueCache.getImported(text)
    return cached ? check(cached) : findImported(text)
  }
}
