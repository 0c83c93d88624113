import { LockMode } from '@mikro-orm/postgresql'
import type { Authenticate } from '../../packages/guard/src/requirements.ts'
import type { Token } from '../../packages/guard/src/token.ts'
import { setActor } from '../audit/actor.ts'
import type { Client } from '../clients/client.entity.ts'
import type { Config } from '../config/config.ts'
import type { Database, Em } from '../database/database.ts'
import type { PosternError } from '../errors/errors.ts'
import { invalidRequest, invalidTarget, unauthorizedClient } from '../errors/protocol.ts'
import { earlierOf } from '../http/time.ts'
import type { Catalogue } from '../scopes/catalogue.ts'
import type { AudienceConfig } from '../tokens/audience.ts'
import { lockClients } from '../tokens/insert.ts'
import type { Inspect } from '../tokens/inspect.ts'
import type { Mint } from '../tokens/mint.ts'
import { clientRowOf } from '../tokens/records.ts'
import type { Targets } from '../tokens/target.ts'
import { AccessToken } from '../tokens/token.entity.ts'
import { userRowOf } from '../users/user-row.ts'
import { createExchangeAudiences } from './exchange-audience.ts'
import { assertExchangeQuota } from './exchange-quota.ts'
import { type Exchange, readExchange } from './exchange-request.ts'
import { downscopePersonal } from './exchange-scopes.ts'
import type { Grant, Params } from './grant.ts'
import { insertForGrant, revokedMeanwhile } from './insert.ts'
import { lockLiveUser } from './live-user.ts'
import type { ClientPolicy, GrantTarget } from './policy.ts'
import { toTokenResponse } from './token-response.ts'

export interface TokenExchangeOptions {
  db: Database
  catalogue: Catalogue
  policy: ClientPolicy
  mint: Mint
  authenticate: Authenticate
  inspect: Inspect
  targets: Targets
  config: AudienceConfig & Pick<Config, 'exchangedTokensPerUser'>
}

export const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange'

/**
 * The token exchange grant (RFC 8693). The new token has no scope that the subject token lacks, expires no later, and is
 * revoked with it. A registered client can exchange any token that it received. Without a client, the holder of a personal
 * token can exchange that token (docs/adr/0020-exchange-without-a-client.md).
 */
export function tokenExchange(options: TokenExchangeOptions): Grant {
  const { db, catalogue, policy, mint, authenticate, targets, config } = options
  const audiences = createExchangeAudiences(options)

  /** @throws 400 `invalid_request` for any invalid token (RFC 8693 §2.2.2), `unauthorized_client` for a machine's token */
  async function subjectOf(text: string, client: Client): Promise<Token> {
    const token = (await audiences.tokenSentTo(client, text)) ?? (await authenticateSubject(authenticate, text))
    if (client.personalAccess && clientRowOf(token) !== client.id) throw invalidRequest(NOT_PERSONAL)
    if (token.userId === null && !client.isOperators()) throw unauthorizedClient(NOT_MACHINES)
    setActor({ clientId: client.id, tokenId: token.id })
    return token
  }

  /**
   * The properties of the new token. Locks the parent, so that it cannot be changed or revoked before the commit, and the
   * user, whose exchanged tokens are counted.
   */
  async function buildSpec(
    em: Em,
    client: Client,
    subject: Token,
    params: Params,
    exchange: Exchange,
    grantTarget: GrantTarget,
  ) {
    const { scope } = params
    const owner = userRowOf(subject)
    const user = owner === null ? undefined : await lockLiveUser(em, owner, true)
    if (!(await lockClients(em, [client.id, clientRowOf(subject)]))) throw revokedMeanwhile()
    const parent = await lockSubject(em, subject.id, exchange)
    await assertExchangeQuota(em, parent, config)
    const audience = audiences.narrow(client, parent.audience, grantTarget.requested)
    const available = client.personalAccess
      ? downscopePersonal(catalogue, parent.scopes, scope, user?.role)
      : policy.downscope(client, parent.scopes, scope, user?.role)
    const scopes = policy.limit(available, user)
    const expiresAt = earlierOf(policy.expiry(client, TOKEN_EXCHANGE), parent.expiresAt)
    const format = exchange.format ?? client.tokenFormat
    const target = grantTarget.resolve(scopes, audience)
    // The owners of its scopes must not widen the audience where none was requested.
    if (audience === null && !targets.isWithin(target.audience, parent.audience)) throw invalidTarget(WIDER)
    return {
      user: parent.user,
      subject: user?.subject,
      client: client.id,
      name: null,
      ...target,
      format,
      parent: parent.id,
      expiresAt,
    }
  }

  return async ({ client, params }) => {
    const exchange = readExchange(params)
    const subject = await subjectOf(exchange.subject, client)
    const grantTarget = await policy.grantTarget(exchange.target)
    const issued = await db.transaction(async em => {
      const issued = await mint(await buildSpec(em, client, subject, params, exchange, grantTarget))
      await insertForGrant(em, issued.token, { details: { exchanged_for: issued.token.parent } })
      return issued
    })
    return { ...toTokenResponse(issued), issued_token_type: exchange.type }
  }
}

const WIDER = 'The scopes belong to an API that the subject token is not meant for.'
const NOT_MACHINES = 'Only a client that an operator registered can exchange the token of a machine.'
const NOT_PERSONAL = 'Authenticate as a client: without one, only a personal access token can be exchanged.'

async function authenticateSubject(authenticate: Authenticate, text: string): Promise<Token> {
  try {
    return await authenticate(text)
  } catch (error) {
    const { status, message } = error as PosternError
    throw status === 401 ? invalidRequest(`subject_token: ${message}`, error) : error
  }
}

async function lockSubject(em: Em, id: string, { subjectFormat }: Exchange): Promise<AccessToken> {
  const live = { id, revoked: false, suspended: false, expiresAt: { $gt: new Date() } }
  // Exclusively: where there is no user to lock, the tokens exchanged for this one are counted.
  const parent = await em.findOne(AccessToken, live, { lockMode: LockMode.PESSIMISTIC_WRITE })
  if (!parent) throw invalidRequest('subject_token: The access token is no longer valid.')
  if (parent.parent !== null)
    throw invalidRequest('subject_token: The token was itself issued by an exchange. Exchange the original token.')
  if (subjectFormat && parent.format !== subjectFormat) throw invalidRequest('subject_token is not a JWT.')
  return parent
}
