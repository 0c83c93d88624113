import { LockMode } from '@mikro-orm/postgresql'
import { checkOptions, renamedTo } from '../../packages/guard/src/options.ts'
import { common } from '../../packages/guard/src/scope-set.ts'
import type { Token } from '../../packages/guard/src/token.ts'
import type { Clients } from '../clients/clients.ts'
import type { InvalidationBus, Publish } from '../cluster/invalidation-bus.ts'
import type { Config } from '../config/config.ts'
import type { Em } from '../database/database.ts'
import { conflict } from '../errors/errors.ts'
import { earlierOf } from '../http/time.ts'
import { type Catalogue, TOKENS_ROTATE } from '../scopes/catalogue.ts'
import { isUuid } from '../text/uuid.ts'
import { assertStillSignedIn } from '../users/sessions.ts'
import { insertToken, lockClients } from './insert.ts'
import { assertCovers, lastRotation, wholeSeconds } from './limits.ts'
import { assertMayIssue, assertMayRotateItself } from './may-issue.ts'
import type { IssuedToken, Mint } from './mint.ts'
import { type AuthorizeFor, issuerOf, lockUser, RIGHT_LOST, type TokenOwner } from './owner.ts'
import { publishTokenChange } from './parent.ts'
import { passOn } from './pass-on.ts'
import { assertTokenQuota } from './quota.ts'
import { clientRowOf } from './records.ts'
import { revokeTokens } from './revoke.ts'
import { AccessToken } from './token.entity.ts'
import type { Usage } from './usage.ts'

export interface RotateOptions {
  /** How long the old token stays valid. Default 0. */
  overlapSeconds?: number | undefined
  /** The token that requests the rotation, which may be another token. */
  issuingToken?: Token | undefined
  /** For a token of a service account whose rotation the person of `issuingToken` requests. */
  authorize?: AuthorizeFor | undefined
  /** The token that requests its own rotation. */
  itself?: Token | undefined
  /** Whether the user's quota applies: with an overlap, the successor is one token more. Omit it for operators. */
  withinQuota?: boolean
}

/**
 * Replaces a token. A token within its overlap can be rotated again, since the response may have been lost: its unused
 * successor is revoked, and the new token gets the expiry of that successor.
 * @throws 409 if the token is revoked, expired or suspended, or its successor has been used; 403 if the old token would stay
 *   valid beside its successor, beyond the user's quota
 */
export type Rotate = (user: TokenOwner, id: string, options?: RotateOptions) => Promise<IssuedToken>

export interface RotationOptions {
  bus: InvalidationBus
  catalogue: Catalogue
  clients: Clients
  mint: Mint
  usage: Pick<Usage, 'lastUse'>
  config: Pick<Config, 'tokenMaxLifetime' | 'tokenFamilyLifetime' | 'tokensPerUser'>
  /** The user's token with this id, locked. @throws 404 */
  find(userId: string, id: string, em: Em): Promise<AccessToken>
}

export function createRotate({ bus, catalogue, clients, mint, usage, config, find }: RotationOptions): Rotate {
  return async (user, id, options = {}) => {
    checkOptions('tokens.rotate', options, { overlap: renamedTo('overlapSeconds') })
    const { overlapSeconds = 0, issuingToken, authorize, itself, withinQuota = false } = options
    const bound = authorize ? undefined : issuingToken
    const limit = withinQuota && overlapSeconds > 0 ? config.tokensPerUser : undefined
    if (issuingToken) await assertMayIssue(issuingToken, clients)
    return bus.transaction(async (em, publish) => {
      const alone = limit !== undefined || authorize !== undefined
      const allowedScopes = await lockUser(em, user.id, alone, catalogue.inherit)
      await authorize?.(em)
      await assertStillSignedIn(em)
      const issuedBy = await lockOtherIssuer(em, id, bound)
      const issuer = await lockIssuerOf(em, id)
      const previous = await find(user.id, id, em)
      if (previous.issuedBy !== issuer) throw conflict(ISSUER_ROTATED)
      if (itself) assertMayRotateItself(itself, previous)
      assertLive(previous)
      if (previous.suspended) throw conflict('The token is suspended: resume it before rotating it.')
      const unusedSuccessor =
        previous.successor === null ? undefined : await lockUnusedSuccessor(em, previous.successor, usage)
      // The scopes of either token may have changed since. The new token gets only those that both have.
      const scopes = unusedSuccessor
        ? common(previous.scopes, unusedSuccessor.scopes, catalogue.inherit)
        : previous.scopes
      if (issuingToken) assertCovers(issuingToken, scopes)
      const familyExpiresAt = previous.familyExpiresAt ?? lastRotation(previous.createdAt, config)
      const expiresAt = expiryOf(previous, unusedSuccessor, config, { familyExpiresAt, within: bound })
      if (expiresAt.getTime() <= Date.now()) throw conflict(FAMILY_ENDED)
      const family = { family: previous.family ?? previous.id, familyExpiresAt }
      const lasting = withRotation(allowedScopes(scopes), previous, catalogue)
      const issued = await mint({
        ...inherited(previous),
        subject: user.subject,
        scopes: lasting,
        expiresAt,
        ...family,
        ...issuedBy,
      })
      const issue = {
        issuingTokenId: issuingToken?.id,
        details: { replaces: previous.id },
        // A repeated rotation replaces the unused successor, so it adds no token.
        limit: unusedSuccessor ? undefined : limit,
      }
      if (!(await insertToken(em, issued.token, issue))) await refuse(em, issued, issue.limit)
      previous.successor = issued.token.id
      previous.updatedAt = new Date()
      await passOn(em, [previous.id, ...(unusedSuccessor ? [unusedSuccessor.id] : [])], issued.token.id)
      if (unusedSuccessor) await revokeTokens(em, publish, { id: unusedSuccessor.id })
      await revokePrevious(em, publish, previous, { overlapSeconds, repeated: unusedSuccessor !== undefined })
      return issued
    })
  }
}

/** @throws 403 if the quota is the reason that the successor was not stored, else 409 */
async function refuse(em: Em, { token }: IssuedToken, limit: number | undefined): Promise<never> {
  if (limit !== undefined)
    await assertTokenQuota((sql, values) => em.execute(sql, values), token, limit, WITHOUT_OVERLAP)
  throw conflict(RIGHT_LOST)
}

const WITHOUT_OVERLAP =
  'Rotate it without an overlap, revoke tokens that are no longer used, or ask an operator to raise TOKENS_PER_USER.'

/** A token issued before token families existed rotates without `tokens:rotate`. Its successor gets that scope. */
const withRotation = (scopes: string[], { family }: AccessToken, catalogue: Catalogue): string[] =>
  family === null && !catalogue.covers(scopes, TOKENS_ROTATE)
    ? catalogue.resolve([...scopes, TOKENS_ROTATE], scopes)
    : scopes

/**
 * If another token requests the rotation, its holder gets the successor, so revoking that token must revoke the successor.
 * Locks that token and its client until the transaction of `em` ends, before the token that it may have issued.
 * @throws 409 if it has been revoked or suspended in the meantime
 */
async function lockOtherIssuer(em: Em, rotatedId: string, issuingToken?: Token): Promise<{ issuedBy?: string }> {
  const issuedBy = issuerOf(issuingToken)
  if (!issuingToken || issuedBy === null || issuedBy === rotatedId.toLowerCase()) return {}
  await lockIssuer(em, clientRowOf(issuingToken), { id: issuedBy, suspended: false })
  return { issuedBy }
}

const ISSUER_ROTATED = 'The token that issued this one was rotated at the same time. Try again.'

const ISSUER_OF = `
  select t.issued_by_id, i.client_id
  from oauth_access_tokens t left join oauth_access_tokens i on i.id = t.issued_by_id where t.id = ?`

/**
 * Locks the token that issued the rotated one, and its client, until the transaction of `em` ends. Their revocation waits,
 * and then finds the successor, which they take along as well.
 * @returns the id of the issuing token, or null
 * @throws 409 if it has been revoked in the meantime
 */
async function lockIssuerOf(em: Em, id: string): Promise<string | null> {
  if (!isUuid(id)) return null
  const [found] = (await em.execute(ISSUER_OF, [id])) as { issued_by_id: string | null; client_id: string | null }[]
  const issuerId = found?.issued_by_id ?? null
  // An issuing token that has been pruned cannot be revoked any more.
  if (issuerId === null || !found?.client_id) return issuerId
  await lockIssuer(em, found.client_id, { id: issuerId })
  return issuerId
}

/** Locks a client and then its token (`for share`). @throws 409 if either has been revoked, or the token is not as wanted */
async function lockIssuer(em: Em, clientId: string, wanted: { id: string; suspended?: boolean }): Promise<void> {
  if (!(await lockClients(em, [clientId]))) throw conflict(RIGHT_LOST)
  const found = await em.findOne(AccessToken, { ...wanted, revoked: false }, { lockMode: LockMode.PESSIMISTIC_READ })
  if (!found) throw conflict(RIGHT_LOST)
}

/** @throws 409 */
export function assertLive(token: AccessToken): void {
  if (token.revoked) throw conflict('The token has been revoked.')
  if (token.expiresAt.getTime() <= Date.now()) throw conflict('The token has expired.')
}

/**
 * Locks and returns the successor of a token, if it has not been used.
 * @throws 409 if it was used, changed, rotated or revoked
 */
async function lockUnusedSuccessor(em: Em, id: string, usage: Pick<Usage, 'lastUse'>): Promise<AccessToken> {
  const successor = await em.findOne(AccessToken, { id }, { lockMode: LockMode.PESSIMISTIC_WRITE })
  if (successor && !successor.revoked && !isUsed(successor, usage)) return successor
  throw conflict(
    `The token has already been rotated, and its successor ${id} has since been used, changed or revoked. ` +
      'Use or rotate the successor, or issue a new token.',
  )
}

const isUsed = (token: AccessToken, usage: Pick<Usage, 'lastUse'>) =>
  token.successor !== null ||
  token.updatedAt.getTime() !== token.createdAt.getTime() ||
  usage.lastUse(token).lastUsedAt !== null

const FAMILY_ENDED = 'The token cannot be rotated again: its family has expired. Issue a new token.'

interface Bounds {
  familyExpiresAt: Date
  within: Token | undefined
}

/**
 * The expiry of the new token: the same lifetime as the old token, or the expiry of the successor that it replaces; no
 * later than the family's expiry.
 */
function expiryOf(
  previous: AccessToken,
  unusedSuccessor: AccessToken | undefined,
  config: RotationOptions['config'],
  { familyExpiresAt, within: issuingToken }: Bounds,
): Date {
  const lifetime = Math.min(previous.expiresAt.getTime() - previous.createdAt.getTime(), config.tokenMaxLifetime * 1000)
  const end = unusedSuccessor ? unusedSuccessor.expiresAt.getTime() : Date.now() + lifetime
  // A successor issued by another token expires no later than that token. Rejecting the request instead would mean that
  // no token could rotate a newer one.
  const limit =
    issuingToken && issuingToken.id !== previous.id ? issuingToken.expiresAt.getTime() : Number.POSITIVE_INFINITY
  return wholeSeconds(Math.min(end, limit, familyExpiresAt.getTime()))
}

interface PreviousTokenOptions {
  overlapSeconds: number
  /** It was rotated before: the end of that overlap still applies. */
  repeated: boolean
}

/** Revokes the old token, immediately or after the overlap. */
async function revokePrevious(
  em: Em,
  publish: Publish,
  previous: AccessToken,
  { overlapSeconds, repeated }: PreviousTokenOptions,
): Promise<void> {
  if (overlapSeconds === 0) return void (await revokeTokens(em, publish, { id: previous.id }, { withSuccessor: false }))
  if (repeated) return
  Object.assign(previous, {
    expiresAt: earlierOf(previous.expiresAt, new Date(Date.now() + overlapSeconds * 1000)),
    changed: true,
  })
  await publishTokenChange(em, publish, previous.id)
}

/** The properties that a successor inherits; its scopes and expiry are computed separately. */
const inherited = ({ user, client, name, format, audience, grant, parent, issuedBy }: AccessToken) => {
  return { user, client, name, format, audience, grant, parent, issuedBy }
}
