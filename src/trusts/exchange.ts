import { LockMode } from '@mikro-orm/postgresql'
import type { JWTPayload } from 'jose'
import { setActor } from '../audit/actor.ts'
import type { ClientAuthentication } from '../clients/authenticate.ts'
import type { Client } from '../clients/client.entity.ts'
import type { Config } from '../config/config.ts'
import type { Database, Em } from '../database/database.ts'
import { invalidGrant, invalidRequest } from '../errors/protocol.ts'
import { type Exchange, JWT_TYPE, readExchange } from '../grants/exchange-request.ts'
import { downscopePersonal } from '../grants/exchange-scopes.ts'
import type { Grant, GrantRequest } from '../grants/grant.ts'
import { insertForGrant, revokedMeanwhile } from '../grants/insert.ts'
import { lockLiveUser } from '../grants/live-user.ts'
import { assertOwnResources } from '../grants/own-resources.ts'
import type { ClientPolicy, GrantTarget } from '../grants/policy.ts'
import { toTokenResponse } from '../grants/token-response.ts'
import type { Catalogue } from '../scopes/catalogue.ts'
import { lockClients } from '../tokens/insert.ts'
import { wholeSeconds } from '../tokens/limits.ts'
import type { Mint, TokenSpec } from '../tokens/mint.ts'
import type { OwnUsers } from '../users/own-users.ts'
import { arePinned, matchesAll, pinsOf } from './claims.ts'
import { jobName } from './job-name.ts'
import { mostSpecific } from './most-specific.ts'
import { assertTrustQuota } from './quota.ts'
import { peek, type VerifySubjectToken } from './subject-token.ts'
import { Trust } from './trust.entity.ts'
import { TrustToken } from './trust-token.entity.ts'
import type { Trusts } from './trusts.ts'

export interface TrustedExchangeOptions {
  db: Database
  catalogue: Catalogue
  trusts: Pick<Trusts, 'ofIssuer'>
  verify: VerifySubjectToken
  clientAuthentication: Pick<ClientAuthentication, 'find'>
  policy: ClientPolicy
  mint: Mint
  config: Pick<Config, 'issuer' | 'issuerPrevious' | 'tokensPerUser' | 'exchangedTokensPerUser'>
  ownUsers: Pick<OwnUsers, 'confirmRow'>
  /** Handles the exchange of this deployment's own tokens. */
  next: Grant
}

/** A verified token of a workload, and the trust that applies to it. */
interface Accepted {
  trust: Trust
  payload: JWTPayload
}

/**
 * Token exchange (RFC 8693) of a workload's OpenID Connect token, without client authentication: the token proves who asks.
 * Nothing is fetched for an issuer that no trust names.
 */
export function trustedExchange(options: TrustedExchangeOptions): Grant {
  const { db, catalogue, trusts, clientAuthentication, policy, mint, config, ownUsers, next } = options
  const accept = createAccept(options)

  /** The issuer of a subject token that is not one of ours; undefined: there is none. */
  function foreignIssuer({ client, params }: GrantRequest): string | undefined {
    if (!client.personalAccess || params.subject_token_type !== JWT_TYPE) return undefined
    const issuer = peek(params.subject_token ?? '')?.iss
    return issuer === undefined || [config.issuer, ...config.issuerPrevious].includes(issuer) ? undefined : issuer
  }

  /** Locks what the token depends on, users first, and builds it from the trust as it is now. */
  async function buildSpec(
    em: Em,
    { trust: accepted, payload }: Accepted,
    { client, params }: GrantRequest,
    exchange: Exchange,
    grantTarget: GrantTarget,
  ): Promise<TokenSpec> {
    const userId = accepted.user
    const user = userId === null ? undefined : await lockLiveUser(em, userId, true)
    const trust = await lockTrust(em, accepted, payload)
    if (!user && !(await lockClients(em, [client.id]))) throw revokedMeanwhile()
    await assertTrustQuota(em, trust, client.id, config)
    const scopes = user
      ? policy.limit(downscopePersonal(catalogue, trust.scopes, params.scope, user.role), user)
      : policy.downscope(client, trust.scopes, params.scope)
    const target = grantTarget.resolve(scopes, grantTarget.requested ?? null)
    if (!user) assertOwnResources(client, grantTarget.requested, grantTarget.resolve(scopes, null).audience)
    const expiresAt = wholeSeconds(Date.now() + trust.lifetime * 1000)
    const format = exchange.format ?? client.tokenFormat
    const name = jobName(payload, trust.name)
    const owner = { user: userId, subject: user?.subject }
    return { ...owner, client: client.id, name, ...target, format, expiresAt, familyExpiresAt: expiresAt }
  }

  /** The client of the new token. Not in the transaction, whose connection may be the only one. */
  async function clientOf({ client: id }: Trust, personalAccess: Client): Promise<Client> {
    const client = id === null ? personalAccess : await clientAuthentication.find(id)
    if (client?.isOperators()) return client
    throw revokedMeanwhile()
  }

  return async request => {
    const issuer = foreignIssuer(request)
    if (issuer === undefined) return next(request)
    const exchange = readExchange(request.params)
    const accepted = await accept(exchange.subject, await trusts.ofIssuer(issuer))
    const { trust, payload } = accepted
    const client = await clientOf(trust, request.client)
    const { params } = request
    const grantTarget = await policy.grantTarget(exchange.target)
    setActor({ clientId: client.id })
    if (trust.user !== null) await ownUsers.confirmRow(trust.user)
    const issued = await db.transaction(async em => {
      const issued = await mint(await buildSpec(em, accepted, { client, params }, exchange, grantTarget))
      const details = { trust: trust.id, trust_issuer: trust.issuer, subject: payload.sub }
      await insertForGrant(em, issued.token, { details })
      await em.insert(TrustToken, { token: issued.token.id, trust: trust.id })
      return issued
    })
    return { ...toTokenResponse(issued), issued_token_type: exchange.type }
  }
}

/** Finds the trust that applies to a token. @throws 400 `invalid_request` if there is none (RFC 8693 §2.2.2) */
function createAccept({ verify }: Pick<TrustedExchangeOptions, 'verify'>) {
  return async (text: string, ofIssuer: Trust[]): Promise<Accepted> => {
    const claimed = [peek(text)?.aud ?? []].flat()
    const possible = ofIssuer.filter(({ audience }) => claimed.includes(audience))
    if (possible.length === 0) throw invalidRequest(NO_TRUST)
    const { payload, verified } = await verifyByOne(verify, text, possible)
    const matching = verified.filter(({ match }) => matchesAll(match, payload))
    if (matching.length === 0) throw invalidRequest(NO_MATCH)
    const usable = matching.filter(({ pin, pinned }) => hasPins(pin, pinned, payload))
    if (usable.length === 0) throw invalidRequest(OTHER_PIN)
    const trust = mostSpecific(usable)
    if (!trust) throw invalidRequest(AMBIGUOUS)
    return { trust, payload }
  }
}

/** Trusts of one issuer may name different key sets. @returns the claims, and the trusts whose key set verified them */
async function verifyByOne(verify: VerifySubjectToken, text: string, trusts: Trust[]) {
  const sets = [...Map.groupBy(trusts, trust => trust.jwksUri).values()]
  let failure: unknown
  for (const verified of sets) {
    const audiences = verified.map(({ audience }) => audience)
    try {
      return { verified, payload: await verify(text, verified[0] as Trust, audiences) }
    } catch (error) {
      failure = error
    }
  }
  throw failure
}

const NO_TRUST = 'No trust is configured for the issuer and the audience of the subject token.'
const NO_MATCH = 'The claims of the subject token match no trust of its issuer and audience.'
const OTHER_PIN =
  'A claim that is pinned is missing, or differs from its first use. An administrator can reset the trust.'
const AMBIGUOUS =
  'Several trusts apply equally to the subject token. An administrator must make one of them more specific.'
const CHANGED = 'The trust was changed at the same time. Try again.'

function hasPins(pin: readonly string[], pinned: Record<string, string> | null, payload: JWTPayload): boolean {
  const values = pinsOf(pin, payload)
  return values !== undefined && (pinned === null || arePinned(pinned, values))
}

/**
 * Locks the trust, so that it is not changed or removed before the commit, and pins its claims at the first use. Only one of
 * several first uses at the same time pins; the others wait, and then see its values.
 * @param accepted the trust as it was read
 */
async function lockTrust(em: Em, accepted: Trust, payload: JWTPayload): Promise<Trust> {
  const isFirstUse = accepted.pin.length > 0 && accepted.pinned === null
  // Exclusively also later: the live tokens of the trust are counted.
  const trust = await em.findOne(Trust, { id: accepted.id }, { lockMode: LockMode.PESSIMISTIC_WRITE })
  if (trust?.updatedAt.getTime() !== accepted.updatedAt.getTime()) throw invalidGrant(CHANGED)
  if (!hasPins(trust.pin, trust.pinned, payload)) throw invalidRequest(OTHER_PIN)
  if (isFirstUse) trust.pinned ??= pinsOf(trust.pin, payload) as Record<string, string>
  return trust
}
