import { writeAudit } from '../audit/audit.ts'
import type { Client } from '../clients/client.entity.ts'
import type { InvalidationBus, Publish } from '../cluster/invalidation-bus.ts'
import type { Config } from '../config/config.ts'
import type { Em } from '../database/database.ts'
import { invalidGrant, invalidRequest } from '../errors/protocol.ts'
import { hashSecret } from '../security/secrets.ts'
import { lockClients } from '../tokens/insert.ts'
import { earlierOf } from '../tokens/limits.ts'
import type { IssuedToken, Mint } from '../tokens/mint.ts'
import { passOn } from '../tokens/pass-on.ts'
import { revokeTokens } from '../tokens/revoke.ts'
import type { Target } from '../tokens/target.ts'
import type { Grant, GrantRequest } from './grant.ts'
import { insertForGrant, revokedMeanwhile } from './insert.ts'
import { lockLiveUser } from './live-user.ts'
import type { ClientPolicy, GrantTarget } from './policy.ts'
import { RefreshToken } from './refresh.entity.ts'
import { type Family, newRefreshText, revokeGrant, storeRefreshToken } from './refresh-family.ts'
import { readReplay, storeReplay } from './refresh-replay.ts'
import { toTokenResponse } from './token-response.ts'

/** Refresh tokens. A family starts with a grant, continues by rotation, and is revoked as a whole. */
export interface Refresh {
  /**
   * Starts a family, in the transaction of `em` that inserts its access token.
   * @returns the plain text of its first refresh token
   */
  start(em: Em, family: Family): Promise<string>
  /**
   * Revokes every access and refresh token of a grant, in the transaction of `em`.
   * @returns how many access tokens were revoked
   */
  revokeGrant(em: Em, publish: Publish, grant: string): Promise<number>
  /** The grant type `refresh_token` (RFC 6749 §6). */
  grant: Grant
}

export interface RefreshOptions {
  bus: InvalidationBus
  mint: Mint
  policy: ClientPolicy
  config: Pick<Config, 'tokenPrefix' | 'refreshTokenLifetime' | 'refreshGrace'>
}

export function createRefresh({ bus, mint, policy, config }: RefreshOptions): Refresh {
  const graceMs = config.refreshGrace * 1000

  /** @returns undefined if the refresh token was already rotated and its response cannot be repeated */
  async function rotate(
    em: Em,
    publish: Publish,
    { client, params }: GrantRequest,
    refreshToken: RefreshToken,
    text: string,
    grantTarget: GrantTarget,
  ) {
    const user = await lockLiveUser(em, refreshToken.user)
    // Locked before the refresh token: revoking a client locks the client's row first, then the refresh tokens.
    if (!(await lockClients(em, [client.id]))) throw revokedMeanwhile()
    const scopes = policy.downscope(client, refreshToken.scopes, params.scope, user.role)
    const target = grantTarget.resolve(scopes, grantTarget.narrow(refreshToken.audience))
    if (!(await markUsed(em, refreshToken))) return readReplay(refreshToken, text, graceMs)
    const issued = await issue(em, client, refreshToken, target)
    await passOn(em, [refreshToken.accessToken], issued.token.id)
    await revokeTokens(em, publish, { id: refreshToken.accessToken })
    const response = toTokenResponse(issued, await issueNext(em, client, refreshToken, issued.token.id))
    const expiresAt = issued.token.expiresAt.getTime()
    if (graceMs > 0) await storeReplay(em, refreshToken, text, { answer: response, expiresAt })
    return response
  }

  async function issue(em: Em, client: Client, refreshToken: RefreshToken, target: Target): Promise<IssuedToken> {
    const { user, grant } = refreshToken
    const expiresAt = earlierOf(policy.expiry(client, 'refresh_token'), refreshToken.expiresAt)
    const spec = {
      user,
      client: client.id,
      name: null,
      ...target,
      format: client.tokenFormat,
      grant,
      expiresAt,
    }
    const issued = await mint(spec)
    const details = { replaces: refreshToken.accessToken }
    await insertForGrant(em, issued.token, { kind: 'token.refreshed', details })
    return issued
  }

  /** @returns the plain text of the next refresh token */
  async function issueNext(em: Em, client: Client, refreshToken: RefreshToken, accessToken: string): Promise<string> {
    const { grant, user, scopes, audience } = refreshToken
    const text = newRefreshText(config.tokenPrefix)
    const family = { grant, accessToken, user, client, scopes, audience }
    await storeRefreshToken(em, family, text, refreshToken.expiresAt)
    return text
  }

  /** Runs in a separate transaction: it locks the user's row exclusively, and is committed although the request fails. */
  const revokeReusedFamily = (refreshToken: RefreshToken) =>
    bus.transaction(async (em, publish) => {
      await revokeGrant(em, publish, refreshToken.grant)
      writeAudit(em, {
        kind: 'token.reused',
        tokenId: refreshToken.accessToken,
        userId: refreshToken.user,
        clientId: refreshToken.client,
      })
    })

  return {
    async start(em, family) {
      const seconds = family.client.refreshTokenLifetime ?? config.refreshTokenLifetime
      const text = newRefreshText(config.tokenPrefix)
      await storeRefreshToken(em, family, text, new Date(Math.floor(Date.now() / 1000 + seconds) * 1000))
      return text
    },

    revokeGrant: (em, publish, grant) => revokeGrant(em, publish, grant),

    async grant(request) {
      const text = request.params.refresh_token
      if (text === undefined) throw invalidRequest('refresh_token is missing.')
      const grantTarget = await policy.grantTarget(request.params.resource)
      const { refreshToken, response } = await bus.transaction(async (em, publish) => {
        const refreshToken = await em.findOne(RefreshToken, { hash: hashSecret(text), client: request.client.id })
        if (!refreshToken) throw invalidGrant(INVALID_REFRESH_TOKEN)
        return { refreshToken, response: await rotate(em, publish, request, refreshToken, text, grantTarget) }
      })
      if (response) return response
      await revokeReusedFamily(refreshToken)
      throw invalidGrant(INVALID_REFRESH_TOKEN)
    },
  }
}

const INVALID_REFRESH_TOKEN = 'The refresh token is unknown, expired or revoked.'

/** A single statement, so that only one of several concurrent requests succeeds. @returns false if already rotated */
async function markUsed(em: Em, { id }: RefreshToken): Promise<boolean> {
  const now = new Date()
  const live = { id, revoked: false, usedAt: null, expiresAt: { $gt: now } }
  if ((await em.nativeUpdate(RefreshToken, live, { usedAt: now })) > 0) return true
  const current = await em.findOneOrFail(RefreshToken, { id }, { refresh: true })
  if (current.revoked || current.expiresAt <= now) throw invalidGrant(INVALID_REFRESH_TOKEN)
  return false
}
