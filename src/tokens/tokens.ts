import { type FilterQuery, LockMode } from '@mikro-orm/postgresql'
import type { Token } from '../../packages/guard/src/token.ts'
import type { Clients } from '../clients/clients.ts'
import type { InvalidationBus } from '../cluster/invalidation-bus.ts'
import type { Config } from '../config/config.ts'
import type { Database, Em } from '../database/database.ts'
import { notFound } from '../errors/errors.ts'
import type { Mail } from '../mail/mail.ts'
import type { Operations } from '../operations/operations.ts'
import type { Catalogue } from '../scopes/catalogue.ts'
import { isUuid } from '../text/uuid.ts'
import { type ChangeToken, createChange } from './change.ts'
import { countIssued } from './count-issued.ts'
import type { InsertIssuedToken } from './insert-batch.ts'
import { createIssuePersonal, type IssuePersonal } from './issue-personal.ts'
import { createLimits } from './limits.ts'
import { type CountedTokens, createTokenLists, type TokenQuery } from './list.ts'
import type { Mint } from './mint.ts'
import { createPersonalTarget } from './personal-target.ts'
import { createRevokeAll, type RevokeAll } from './revoke-all.ts'
import type { RevokeToken } from './revoke-batch.ts'
import { createRotate, type Rotate } from './rotate.ts'
import type { Targets } from './target.ts'
import { AccessToken, type ListedToken } from './token.entity.ts'
import type { Usage } from './usage.ts'

export interface Tokens extends RevokeAll {
  /** @throws 422 for an unknown or disallowed scope, an invalid name or an invalid expiry; 403 beyond the user's quota */
  issuePersonal: IssuePersonal
  /** Lists a user's personal tokens, newest first. */
  list(userId: string, page: TokenQuery): Promise<ListedToken[]>
  /** As `list`, with the number of tokens on all pages. */
  listAndCount(userId: string, page: TokenQuery): Promise<CountedTokens>
  /** @throws 404 if it is not a personal token of this user */
  find(userId: string, id: string): Promise<AccessToken>
  /** How many live tokens the revocation of these tokens would revoke along with them. */
  countIssued(...ids: readonly string[]): Promise<number>
  change: ChangeToken
  rotate: Rotate
  /** @returns how many tokens were revoked, including those that it issued; 0: it was already revoked */
  revoke(userId: string, id: string): Promise<number>
  /** Revokes the token that made the request, of any client. @throws 404 if the request was made with a session */
  revokeCurrent(token: Token): Promise<number>
  /** Finds the token that made the request, with its current effective scopes and expiry. */
  findCurrent(token: Token): Promise<AccessToken>
}

export interface TokensOptions {
  db: Database
  bus: InvalidationBus
  operations: Operations
  catalogue: Catalogue
  clients: Clients
  targets: Targets
  mint: Mint
  insertRow: InsertIssuedToken
  revokeToken: RevokeToken
  usage: Pick<Usage, 'lastUse'>
  mail: Mail
  config: Pick<Config, 'personalTokenLifetime' | 'tokenMaxLifetime' | 'tokenFamilyLifetime' | 'tokensPerUser'>
}

export function createTokens(options: TokensOptions): Tokens {
  const { db, bus, operations, catalogue, clients, targets, mint, revokeToken, usage, config } = options

  /** Selects the tokens that a user created and named. Tokens exchanged for them are excluded; they are revoked with them. */
  const personalTokens = async (
    userId: string,
    conditions: FilterQuery<AccessToken> = {},
  ): Promise<FilterQuery<AccessToken>> => ({
    user: userId,
    client: (await clients.personalAccess()).id,
    parent: null,
    ...(conditions as object),
  })

  async function find(userId: string, id: string, em?: Em): Promise<AccessToken> {
    if (!isUuid(id)) throw notFound('personal access token')
    const where = await personalTokens(userId, { id })
    const token = await (em
      ? em.findOne(AccessToken, where, { lockMode: LockMode.PESSIMISTIC_WRITE })
      : db.run(e => e.findOne(AccessToken, where)))
    if (!token) throw notFound('personal access token')
    return token
  }

  const lists = createTokenLists(db)
  const limits = createLimits(catalogue, config)
  const personalTarget = createPersonalTarget(targets)

  return {
    issuePersonal: createIssuePersonal({ ...options, limits, personalTarget }),

    list: async (userId, page) => lists.list(userId, (await clients.personalAccess()).id, page),

    listAndCount: async (userId, page) => lists.listAndCount(userId, (await clients.personalAccess()).id, page),

    find: (userId, id) => find(userId, id),

    countIssued: (...ids) => countIssued(db, ...ids),

    change: createChange({ bus, clients, find, limits, personalTarget }),

    rotate: createRotate({ bus, catalogue, clients, mint, usage, config, find }),

    async revoke(userId, id) {
      const client = (await clients.personalAccess()).id
      const revoked = isUuid(id) ? await revokeToken(id, { user: userId, client }) : 0
      // Distinguishes a token that was already revoked from one that the user does not have (404).
      if (!revoked) await find(userId, id)
      return revoked
    },

    ...createRevokeAll({ operations, personalTokens }),

    async revokeCurrent({ id }) {
      const revoked = await revokeToken(id)
      // The request was made with a session, which has its own sign-out.
      if (!revoked && !(await db.run(em => em.findOne(AccessToken, { id })))) throw notFound('token')
      return revoked
    },

    async findCurrent({ id, scopes, expiresAt }) {
      const token = await db.run(em => em.findOne(AccessToken, { id }))
      if (!token) throw notFound('token')
      return Object.assign(token, { scopes: [...scopes], expiresAt })
    },
  }
}

export type { TokenChange } from './change.ts'
export type { NewToken } from './issue-personal.ts'
export type { IssuedToken } from './mint.ts'
