import { LockMode } from '@mikro-orm/postgresql'
import type { Authenticate } from '../../packages/guard/src/needs.ts'
import type { Token } from '../../packages/guard/src/token.ts'
import { nowActing } from '../audit/actor.ts'
import type { Client } from '../clients/client.entity.ts'
import type { Database, Em } from '../database/database.ts'
import type { PosternError } from '../errors/errors.ts'
import { invalidRequest, unauthorizedClient } from '../errors/protocol.ts'
import type { Catalogue } from '../scopes/catalogue.ts'
import type { AudienceConfig } from '../tokens/audience.ts'
import type { Inspect } from '../tokens/inspect.ts'
import type { Mint } from '../tokens/mint.ts'
import type { Targets } from '../tokens/target.ts'
import { AccessToken } from '../tokens/token.entity.ts'
import { issuedEvent } from '../tokens/writer.ts'
import { answer } from './answer.ts'
import { createExchangeAudiences } from './exchange-audience.ts'
import { type Exchange, readExchange } from './exchange-request.ts'
import { ownScopes } from './exchange-scopes.ts'
import type { Grant, Params } from './grant.ts'
import { liveUser } from './live-user.ts'
import { store } from './store.ts'
import type { GrantAim, Terms } from './terms.ts'

export interface TokenExchangeOptions {
  db: Database
  catalogue: Catalogue
  terms: Terms
  mint: Mint
  authenticate: Authenticate
  inspect: Inspect
  targets: Targets
  config: AudienceConfig
}

export const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange'

/**
 * Trades an access token for one that has no scope it lacks, lives no longer, and dies with it (RFC 8693). A registered
 * client trades any token it was handed. Under the personal access client whoever holds a personal token trades that:
 * docs/adr/0020-exchange-without-a-client.md.
 */
export function tokenExchange(options: TokenExchangeOptions): Grant {
  const { db, catalogue, terms, mint, authenticate } = options
  const audiences = createExchangeAudiences(options)

  /** @throws 400 `invalid_request` whatever is wrong with it (RFC 8693 §2.2.2), `unauthorized_client` for a machine's */
  async function subjectOf(text: string, client: Client): Promise<Token> {
    const token = (await audiences.sentTo(client, text)) ?? (await prove(authenticate, text))
    if (client.personalAccess && token.clientId !== client.id) throw invalidRequest(NOT_PERSONAL)
    if (token.userId === null && !client.isOperators()) throw unauthorizedClient(NOT_MACHINES)
    nowActing({ clientId: client.id, tokenId: token.id })
    return token
  }

  /** The token under its parent, which nobody can change or revoke until the transaction ends. */
  async function draft(em: Em, client: Client, subject: Token, params: Params, wanted: Exchange, aim: GrantAim) {
    const { scope } = params
    const user = subject.userId === null ? undefined : await liveUser(em, subject.userId)
    const parent = await hold(em, subject.id, wanted)
    const audience = audiences.between(client, parent.audience, aim.asked)
    const scopes = client.personalAccess
      ? ownScopes(catalogue, parent.scopes, scope, user?.role)
      : terms.narrowed(client, parent.scopes, scope, user?.role)
    const expiresAt = sooner(terms.expiry(client, TOKEN_EXCHANGE), parent.expiresAt)
    const format = wanted.format ?? client.tokenFormat
    const aimed = aim.at(scopes, audience)
    return { user: parent.user, client: client.id, name: null, ...aimed, format, parent: parent.id, expiresAt }
  }

  return async ({ client, params }) => {
    const wanted = readExchange(params)
    const subject = await subjectOf(wanted.subject, client)
    const aim = await terms.aim(wanted.target)
    const issued = await db.transaction(async em => {
      const issued = await mint(await draft(em, client, subject, params, wanted, aim))
      await store(em, issued.token, issuedEvent(issued.token, { exchanged_for: issued.token.parent }))
      return issued
    })
    return { ...answer(issued), issued_token_type: wanted.type }
  }
}

const NOT_MACHINES = 'The token of a machine is exchanged only by a client that an operator registered.'
const NOT_PERSONAL = 'Name a client: without one only a personal access token is exchanged.'

async function prove(authenticate: Authenticate, text: string): Promise<Token> {
  try {
    return await authenticate(text)
  } catch (error) {
    const { status, message } = error as PosternError
    throw status === 401 ? invalidRequest(`subject_token: ${message}`, error) : error
  }
}

async function hold(em: Em, id: string, { subjectFormat }: Exchange): Promise<AccessToken> {
  const live = { id, revoked: false, suspended: false, expiresAt: { $gt: new Date() } }
  const parent = await em.findOne(AccessToken, live, { lockMode: LockMode.PESSIMISTIC_READ })
  if (!parent) throw invalidRequest('subject_token: The access token opens nothing any more.')
  if (parent.parent !== null) throw invalidRequest('subject_token: It was exchanged itself. Exchange the first one.')
  if (subjectFormat && parent.format !== subjectFormat) throw invalidRequest('subject_token is not a JWT.')
  return parent
}

const sooner = (a: Date, b: Date) => (a < b ? a : b)
