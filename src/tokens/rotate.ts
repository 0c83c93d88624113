import { LockMode } from '@mikro-orm/postgresql'
import { common } from '../../packages/guard/src/scope-set.ts'
import type { Token } from '../../packages/guard/src/token.ts'
import { record } from '../audit/audit.ts'
import type { Clients } from '../clients/clients.ts'
import type { Announce, Changes } from '../cluster/changes.ts'
import type { Config } from '../config/config.ts'
import type { Em } from '../database/database.ts'
import { conflict } from '../errors/errors.ts'
import { type Catalogue, TOKENS_ROTATE } from '../scopes/catalogue.ts'
import { lastRotation, mustCover, wholeSeconds } from './limits.ts'
import { assertMayIssue, assertMayRotateItself } from './may-issue.ts'
import type { Issued, Mint } from './mint.ts'
import { heldBy, issuerOf, LOST, type Owner } from './owner.ts'
import { announceChange } from './parent.ts'
import { passOn } from './pass-on.ts'
import { retire } from './retire.ts'
import { AccessToken } from './token.entity.ts'
import type { Usage } from './usage.ts'
import { issuedEvent } from './writer.ts'

export interface RotateOptions {
  /** Seconds that the old token lives on. */
  overlap?: number | undefined
  /** The token that asks, which may be another one. */
  within?: Token | undefined
  /** The token that asks for its own rotation. */
  itself?: Token | undefined
}

/**
 * Replaces a token. A token that was replaced already and lives through its overlap is replaced again, since the answer
 * may have been lost: its unused successor is revoked, and the new one ends when that would have.
 * @throws 409 when the token is dead or suspended, or its successor is in use
 */
export type Rotate = (user: Owner, id: string, options?: RotateOptions) => Promise<Issued>

export interface RotationOptions {
  changes: Changes
  catalogue: Catalogue
  clients: Clients
  mint: Mint
  usage: Pick<Usage, 'seen'>
  config: Pick<Config, 'tokenMaxLifetime' | 'tokenFamilyLifetime'>
  /** The user's token with this id, locked. @throws 404 */
  find(userId: string, id: string, em: Em): Promise<AccessToken>
}

export function createRotate({ changes, catalogue, clients, mint, usage, config, find }: RotationOptions): Rotate {
  return async (user, id, { overlap = 0, within, itself } = {}) => {
    if (within) await assertMayIssue(within, clients)
    return changes.transaction(async (em, announce) => {
      const scopesLeft = await heldBy(em, user.id)
      const old = await find(user.id, id, em)
      if (itself) assertMayRotateItself(itself, old)
      mustLive(old)
      if (old.suspended) throw conflict('The token is suspended: resume it before rotating it.')
      const lost = old.successor === null ? undefined : await unseen(em, old.successor, usage)
      // The successor may have less than the old token has by now, or more: the new one has what both have.
      const scopes = lost ? common(old.scopes, lost.scopes, catalogue.inherit) : old.scopes
      if (within) mustCover(within, scopes)
      const issuedBy = await otherIssuer(em, old, within)
      const familyExpiresAt = old.familyExpiresAt ?? lastRotation(old.createdAt, config)
      const expiresAt = endOf(old, lost, config, { familyExpiresAt, within })
      if (expiresAt.getTime() <= Date.now()) throw conflict(FAMILY_ENDED)
      const family = { family: old.family ?? old.id, familyExpiresAt }
      const lasting = withRotation(scopesLeft(scopes), old, catalogue)
      const issued = await mint({ ...inherited(old), scopes: lasting, expiresAt, ...family, ...issuedBy })
      await em.insert(AccessToken, issued.token)
      record(em, issuedEvent(issued.token, { replaces: old.id }))
      old.successor = issued.token.id
      old.updatedAt = new Date()
      await passOn(em, [old.id, ...(lost ? [lost.id] : [])], issued.token.id)
      if (lost) await retire(em, announce, { id: lost.id })
      await leave(em, announce, old, { overlap, again: lost !== undefined })
      return issued
    })
  }
}

/** A token from before there were families rotates without a scope for it; its successor has the scope. */
const withRotation = (scopes: string[], { family }: AccessToken, catalogue: Catalogue): string[] =>
  family === null && !catalogue.covers(scopes, TOKENS_ROTATE)
    ? catalogue.resolve([...scopes, TOKENS_ROTATE], scopes)
    : scopes

/**
 * Another token that asks for the rotation: whoever holds it gets the successor, which goes with it. Its row is held
 * until the transaction of `em` ends.
 * @throws 409 when it has been revoked meanwhile
 */
async function otherIssuer(em: Em, old: AccessToken, within?: Token): Promise<{ issuedBy?: string }> {
  const issuedBy = issuerOf(within)
  if (issuedBy === null || issuedBy === old.id) return {}
  const live = { id: issuedBy, revoked: false, suspended: false }
  if (!(await em.findOne(AccessToken, live, { lockMode: LockMode.PESSIMISTIC_READ }))) throw conflict(LOST)
  return { issuedBy }
}

/** @throws 409 */
export function mustLive(token: AccessToken): void {
  if (token.revoked) throw conflict('The token has been revoked.')
  if (token.expiresAt.getTime() <= Date.now()) throw conflict('The token has expired.')
}

/**
 * The successor of a token, locked, if there is no sign that anybody has it.
 * @throws 409 when there is one: it was used, changed, rotated or revoked
 */
async function unseen(em: Em, id: string, usage: Pick<Usage, 'seen'>): Promise<AccessToken> {
  const successor = await em.findOne(AccessToken, { id }, { lockMode: LockMode.PESSIMISTIC_WRITE })
  if (successor && !successor.revoked && !isUsed(successor, usage)) return successor
  throw conflict(
    `The token has been rotated already, and its successor ${id} has been used, changed or revoked since. ` +
      'Use or rotate the successor, or issue a new token.',
  )
}

const isUsed = (token: AccessToken, usage: Pick<Usage, 'seen'>) =>
  token.successor !== null ||
  token.updatedAt.getTime() !== token.createdAt.getTime() ||
  usage.seen(token).lastUsedAt !== null

const FAMILY_ENDED = 'The token can be rotated no further: its family has reached its end. Issue a new token.'

interface Bounds {
  familyExpiresAt: Date
  within: Token | undefined
}

/**
 * When the new token ends: after as long as the old one was to live, or when the successor that was lost would have; with
 * its family at the latest.
 */
function endOf(
  old: AccessToken,
  lost: AccessToken | undefined,
  config: RotationOptions['config'],
  { familyExpiresAt, within }: Bounds,
): Date {
  const lifetime = Math.min(old.expiresAt.getTime() - old.createdAt.getTime(), config.tokenMaxLifetime * 1000)
  const end = lost ? lost.expiresAt.getTime() : Date.now() + lifetime
  // Another token than itself gives it no longer than it has: refused, no token could rotate a younger one.
  const most = within && within.id !== old.id ? within.expiresAt.getTime() : Number.POSITIVE_INFINITY
  return wholeSeconds(Math.min(end, most, familyExpiresAt.getTime()))
}

interface Leaving {
  overlap: number
  /** It was replaced before: the end that was promised then stands. */
  again: boolean
}

/** Ends the old token, at once or after the overlap. */
async function leave(em: Em, announce: Announce, old: AccessToken, { overlap, again }: Leaving): Promise<void> {
  if (overlap === 0) return void (await retire(em, announce, { id: old.id }))
  if (again) return
  Object.assign(old, { expiresAt: sooner(old.expiresAt, overlap), changed: true })
  await announceChange(em, announce, old.id)
}

/** @param seconds from now */
const sooner = (end: Date, seconds: number) => new Date(Math.min(end.getTime(), Date.now() + seconds * 1000))

/** What a successor has of the token before it, besides scopes that are left and an end of its own. */
const inherited = ({ user, client, name, format, audience, grant, parent, issuedBy }: AccessToken) => {
  return { user, client, name, format, audience, grant, parent, issuedBy }
}
