import { type FilterQuery, LockMode } from '@mikro-orm/postgresql'
import { validate as isUuid } from 'uuid'
import { record } from '../audit/audit.ts'
import type { Changes } from '../changes/changes.ts'
import type { TokenFormat } from '../clients/client.entity.ts'
import type { Clients } from '../clients/clients.ts'
import type { Config } from '../config.ts'
import type { Database, Em } from '../database.ts'
import { conflict, forbidden, invalid, notFound } from '../errors.ts'
import { insufficientScope } from '../guard/errors.ts'
import type { Token } from '../guard/token.ts'
import { checkedName } from '../names.ts'
import type { Catalogue } from '../scopes/catalogue.ts'
import { WILDCARD } from '../scopes/set.ts'
import type { Role } from '../users/user.entity.ts'
import type { Draft, Issued, Mint } from './mint.ts'
import { announceChange } from './parent.ts'
import { retire } from './retire.ts'
import { AccessToken } from './token.entity.ts'
import { issuedEvent, type WriteRow } from './writer.ts'

/** Whose token it is to be. */
export interface Owner {
  id: string
  role: Role
}

export interface NewToken {
  user: Owner
  name: string
  /** Omitted: the catalogue's defaults. */
  scopes?: readonly string[] | undefined
  /** Omitted: the configured lifetime of personal tokens. */
  expiresAt?: Date | undefined
  format?: TokenFormat | undefined
  /** The token that asks: what it issues holds no scope it lacks and outlives it by nothing. */
  within?: Token | undefined
}

export interface TokenChange {
  name?: string | undefined
  scopes?: readonly string[] | undefined
  suspended?: boolean | undefined
}

export interface Page {
  limit: number
  /** The last id of the page before. */
  after?: string | undefined
  /** Revoked and expired ones too, until they are pruned. */
  all?: boolean | undefined
}

export interface Tokens {
  /** @throws 422 for an unknown or disallowed scope, a name or an expiry that cannot be */
  issuePersonal(input: NewToken): Promise<Issued>
  /** A user's personal tokens, newest first. */
  list(userId: string, page: Page): Promise<AccessToken[]>
  /** @throws 404 when it is not a personal token of this user */
  find(userId: string, id: string): Promise<AccessToken>
  change(user: Owner, id: string, change: TokenChange, within?: Token): Promise<AccessToken>
  /** A successor with the same name, scopes and lifetime. @param overlap seconds that the old one lives on */
  rotate(
    user: Owner,
    id: string,
    options?: { overlap?: number | undefined; within?: Token | undefined },
  ): Promise<Issued>
  revoke(userId: string, id: string): Promise<void>
  /** @returns how many */
  revokeAll(userId: string): Promise<number>
  /** The token that made a request, whatever client it was issued under. */
  revokeCurrent(token: Token): Promise<void>
  /** With the scopes and the end that it has now, whatever it was given. */
  findCurrent(token: Token): Promise<AccessToken>
}

export interface TokensOptions {
  db: Database
  changes: Changes
  catalogue: Catalogue
  clients: Clients
  mint: Mint
  write: WriteRow
  config: Pick<Config, 'personalTokenLifetime' | 'tokenMaxLifetime'>
}

export function createTokens({ db, changes, catalogue, clients, mint, write, config }: TokensOptions): Tokens {
  /** What a user made and named; what was exchanged for that is not listed, and goes with it. */
  const personal = async (userId: string, extra: FilterQuery<AccessToken> = {}): Promise<FilterQuery<AccessToken>> => ({
    user: userId,
    client: (await clients.personalAccess()).id,
    parent: null,
    ...(extra as object),
  })

  async function find(userId: string, id: string, em?: Em): Promise<AccessToken> {
    if (!isUuid(id)) throw notFound('personal access token')
    const where = await personal(userId, { id })
    const token = await (em
      ? em.findOne(AccessToken, where, { lockMode: LockMode.PESSIMISTIC_WRITE })
      : db.run(e => e.findOne(AccessToken, where)))
    if (!token) throw notFound('personal access token')
    return token
  }

  function scopesFor(user: Owner, requested: readonly string[] | undefined, within: Token | undefined): string[] {
    const scopes = catalogue.resolve(requested)
    const admin = scopes.filter(s => s.startsWith('admin:'))
    if (admin.length > 0 && user.role !== 'admin') {
      throw invalid({ path: 'scopes', message: `${admin.join(', ')}: only an administrator may have it` })
    }
    if (!within) return scopes
    // Defaults nobody asked for shrink to what there is; what was asked for is given or refused.
    if (!requested) return scopes.filter(s => within.lacks([s]).length === 0)
    mustCover(within, scopes)
    return scopes
  }

  function expiryFor(chosen: Date | undefined, within: Token | undefined): Date {
    const now = Date.now()
    const limit = now + config.tokenMaxLifetime * 1000
    const end = wholeSeconds(chosen?.getTime() ?? now + config.personalTokenLifetime * 1000)
    if (!(end.getTime() > now)) throw invalid({ path: 'expires_at', message: 'must lie in the future' })
    if (end.getTime() > limit) {
      throw invalid({ path: 'expires_at', message: `must not lie beyond ${new Date(limit).toISOString()}` })
    }
    if (!within || end <= within.expiresAt) return end
    if (!chosen) return within.expiresAt
    throw invalid({
      path: 'expires_at',
      message: `must not lie beyond ${within.expiresAt.toISOString()}, when the token that asks expires`,
    })
  }

  /** A longer-lived token is not given what the asking one has for a shorter time. */
  function mustNotOutlast(within: Token, token: AccessToken, scopes: readonly string[]): void {
    if (token.expiresAt <= within.expiresAt || scopes.every(s => catalogue.covers(token.scopes, s))) return
    throw forbidden('The token would keep a new scope for longer than the token that asks has it.')
  }

  return {
    async issuePersonal({ user, name, scopes, expiresAt, format, within }) {
      const client = await clients.personalAccess()
      const issued = await mint({
        user: user.id,
        client: client.id,
        name: checkedName(name),
        scopes: scopesFor(user, scopes, within),
        format: format ?? client.tokenFormat,
        expiresAt: expiryFor(expiresAt, within),
      })
      await write(issued.token)
      return issued
    },

    async list(userId, { limit, after, all }) {
      const live = all ? {} : { revoked: false, expiresAt: { $gt: new Date() } }
      const where = await personal(userId, { ...live, ...(after && { id: { $lt: after } }) })
      return db.run(em => em.find(AccessToken, where, { orderBy: { id: 'desc' }, limit }))
    },

    find: (userId, id) => find(userId, id),

    change: (user, id, { name, scopes, suspended }, within) =>
      changes.transaction(async (em, announce) => {
        const token = await find(user.id, id, em)
        mustLive(token)
        const wanted = scopes && scopesFor(user, scopes, within)
        if (wanted && within) mustNotOutlast(within, token, wanted)
        if (wanted) Object.assign(token, { scopes: wanted, changed: true })
        if (name !== undefined) token.name = checkedName(name)
        if (suspended !== undefined) token.suspended = suspended
        token.updatedAt = new Date()
        await announceChange(em, announce, token.id)
        record(em, {
          kind: 'token.changed',
          tokenId: token.id,
          userId: user.id,
          clientId: token.client,
          details: { name, scopes, suspended },
        })
        return token
      }),

    rotate: (user, id, { overlap = 0, within } = {}) =>
      changes.transaction(async (em, announce) => {
        const old = await find(user.id, id, em)
        mustLive(old)
        if (old.suspended) throw conflict('The token is suspended: resume it before rotating it.')
        if (within) mustCover(within, old.scopes)
        const lifetime = Math.min(old.expiresAt.getTime() - old.createdAt.getTime(), config.tokenMaxLifetime * 1000)
        // Another token than itself gives it no longer than it has: refused, no token could rotate a younger one.
        const most = within && within.id !== old.id ? within.expiresAt.getTime() : Number.POSITIVE_INFINITY
        const issued = await mint({ ...pick(old), expiresAt: wholeSeconds(Math.min(Date.now() + lifetime, most)) })
        await em.insert(AccessToken, issued.token)
        record(em, issuedEvent(issued.token, { replaces: old.id }))
        if (overlap === 0) await retire(em, announce, { id: old.id })
        else await announceChange(em, announce, old.id)
        if (overlap > 0) Object.assign(old, { expiresAt: sooner(old.expiresAt, overlap), changed: true })
        old.updatedAt = new Date()
        return issued
      }),

    async revoke(userId, id) {
      await find(userId, id)
      await changes.transaction((em, announce) => retire(em, announce, { id, revoked: false }))
    },

    async revokeAll(userId) {
      const where = await personal(userId, { revoked: false })
      return changes.transaction((em, announce) => retire(em, announce, where))
    },

    async revokeCurrent({ id }) {
      await changes.transaction((em, announce) => retire(em, announce, { id, revoked: false }))
    },

    async findCurrent({ id, scopes, expiresAt }) {
      const token = await db.run(em => em.findOne(AccessToken, { id }))
      if (!token) throw notFound('token')
      return Object.assign(token, { scopes: [...scopes], expiresAt })
    },
  }
}

/** @throws 403 that names the scopes the asking token lacks; `*` is had only by a token that has it */
function mustCover(within: Token, scopes: readonly string[]): void {
  const lacking = within.lacks(scopes.filter(s => s !== WILDCARD))
  if (scopes.includes(WILDCARD) && !within.scopes.includes(WILDCARD)) lacking.push(WILDCARD)
  if (lacking.length > 0) throw insufficientScope('all', scopes, within.scopes, lacking)
}

function mustLive(token: AccessToken): void {
  if (token.revoked) throw conflict('The token has been revoked.')
  if (token.expiresAt.getTime() <= Date.now()) throw conflict('The token has expired.')
}

/** @param seconds from now */
const sooner = (end: Date, seconds: number) => new Date(Math.min(end.getTime(), Date.now() + seconds * 1000))

/** A JWT counts whole seconds (RFC 7519 §2), so the row does too. */
const wholeSeconds = (ms: number) => new Date(Math.floor(ms / 1000) * 1000)

const pick = ({
  user,
  client,
  name,
  scopes,
  format,
  audience,
  grant,
  parent,
}: AccessToken): Omit<Draft, 'expiresAt'> => ({
  user,
  client,
  name,
  scopes,
  format,
  audience,
  grant,
  parent,
})

export type { Issued } from './mint.ts'
