import { type FilterQuery, LockMode } from '@mikro-orm/postgresql'
import type { Token } from '../../packages/guard/src/token.ts'
import { record } from '../audit/audit.ts'
import type { TokenFormat } from '../clients/client.entity.ts'
import type { Clients } from '../clients/clients.ts'
import type { Changes } from '../cluster/changes.ts'
import type { Config } from '../config/config.ts'
import type { Database, Em } from '../database/database.ts'
import { inTime, type Progress } from '../database/in-time.ts'
import { conflict, notFound } from '../errors/errors.ts'
import type { Catalogue } from '../scopes/catalogue.ts'
import { checkedName } from '../text/names.ts'
import { isUuid } from '../text/uuid.ts'
import { createLimits } from './limits.ts'
import { createListing, type Page } from './listing.ts'
import { assertMayIssue } from './may-issue.ts'
import type { Issued, Mint } from './mint.ts'
import { issuerOf, LOST, type Owner } from './owner.ts'
import { announceChange } from './parent.ts'
import { createPersonalTarget } from './personal-target.ts'
import { retireBatch } from './retire.ts'
import type { RevokeOne } from './revoker.ts'
import { createRotate, mustLive, type Rotate } from './rotate.ts'
import type { Targets } from './target.ts'
import { AccessToken, type ShownToken } from './token.entity.ts'
import type { Usage } from './usage.ts'
import type { WriteRow } from './writer.ts'

export interface NewToken {
  user: Owner
  name: string
  /** Omitted: the catalogue's defaults. */
  scopes?: readonly string[] | undefined
  /** Omitted: the configured lifetime of personal tokens. */
  expiresAt?: Date | undefined
  format?: TokenFormat | undefined
  /** URIs of the APIs that it is for; omitted: every API, or those that its scopes belong to. */
  resources?: readonly string[] | undefined
  /** The token that asks: what it issues holds no scope it lacks and outlives it by nothing. */
  within?: Token | undefined
}

export interface TokenChange {
  name?: string | undefined
  scopes?: readonly string[] | undefined
  suspended?: boolean | undefined
}

export interface Tokens {
  /** @throws 422 for an unknown or disallowed scope, a name or an expiry that cannot be */
  issuePersonal(input: NewToken): Promise<Issued>
  /** A user's personal tokens, newest first. */
  list(userId: string, page: Page): Promise<ShownToken[]>
  /** @throws 404 when it is not a personal token of this user */
  find(userId: string, id: string): Promise<AccessToken>
  change(user: Owner, id: string, change: TokenChange, within?: Token): Promise<AccessToken>
  rotate: Rotate
  /** @returns how many died: what it issued goes with it; 0: it was dead already */
  revoke(userId: string, id: string): Promise<number>
  /**
   * All personal tokens of a user, and those exchanged for them; called again it goes on.
   * @param options `keep`: a token that goes last; `longest`: milliseconds after which it begins no further batch
   * @returns how many were revoked, and whether none is left
   */
  revokeAll(userId: string, options?: { keep?: string | undefined; longest?: number }): Promise<Progress>
  /** The token that made a request, whatever client it was issued under. @throws 404 when a session made it */
  revokeCurrent(token: Token): Promise<number>
  /** With the scopes and the end that it has now, whatever it was given. */
  findCurrent(token: Token): Promise<AccessToken>
}

export interface TokensOptions {
  db: Database
  changes: Changes
  catalogue: Catalogue
  clients: Clients
  targets: Targets
  mint: Mint
  write: WriteRow
  revokeOne: RevokeOne
  usage: Pick<Usage, 'seen'>
  config: Pick<Config, 'personalTokenLifetime' | 'tokenMaxLifetime' | 'tokenFamilyLifetime'>
}

export function createTokens(options: TokensOptions): Tokens {
  const { db, changes, catalogue, clients, targets, mint, write, revokeOne, usage, config } = options

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

  const list = createListing(db)
  const { scopesFor, expiryFor, familyEnd, mustNotOutlast } = createLimits(catalogue, config)
  const personalTarget = createPersonalTarget(targets)

  return {
    async issuePersonal({ user, name, scopes, expiresAt, format, resources, within }) {
      if (within) await assertMayIssue(within, clients)
      const client = await clients.personalAccess()
      const issued = await mint({
        user: user.id,
        client: client.id,
        name: checkedName(name),
        ...(await personalTarget.of(scopesFor(user, scopes, within), resources, scopes !== undefined)),
        format: format ?? client.tokenFormat,
        expiresAt: expiryFor(expiresAt, within),
        issuedBy: issuerOf(within),
        familyExpiresAt: familyEnd(within),
      })
      if (!(await write(issued.token, within?.id))) throw conflict(LOST)
      return issued
    },

    list: async (userId, page) => list(userId, (await clients.personalAccess()).id, page),

    find: (userId, id) => find(userId, id),

    change: (user, id, { name, scopes, suspended }, within) =>
      changes.transaction(async (em, announce) => {
        const token = await find(user.id, id, em)
        mustLive(token)
        const wanted = scopes && scopesFor(user, scopes, within, token.scopes)
        if (wanted) personalTarget.mustFit(wanted, token)
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

    rotate: createRotate({ changes, catalogue, clients, mint, usage, config, find }),

    async revoke(userId, id) {
      const client = (await clients.personalAccess()).id
      const died = isUuid(id) ? await revokeOne(id, { user: userId, client }) : 0
      // Whether it was dead already, or is not there for this user.
      if (!died) await find(userId, id)
      return died
    },

    async revokeAll(userId, { keep, longest = Infinity } = {}) {
      const where = await personal(userId, { revoked: false })
      const batch = () =>
        changes.transaction(async (em, announce) => {
          // Whoever issues holds the user's row shared: this waits for what is under way, and then sees it.
          await em.execute('select id from users where id = ? for no key update', [userId])
          return retireBatch(em, announce, where, keep)
        })
      return inTime(batch, longest)
    },

    async revokeCurrent({ id }) {
      const died = await revokeOne(id)
      // A session made the request, which is ended elsewhere.
      if (!died && !(await db.run(em => em.findOne(AccessToken, { id })))) throw notFound('token')
      return died
    },

    async findCurrent({ id, scopes, expiresAt }) {
      const token = await db.run(em => em.findOne(AccessToken, { id }))
      if (!token) throw notFound('token')
      return Object.assign(token, { scopes: [...scopes], expiresAt })
    },
  }
}

export type { Issued } from './mint.ts'
