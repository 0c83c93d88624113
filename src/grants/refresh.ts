import { type Client, clientIdOf } from '../clients/client.entity.ts'
import type { InvalidationBus, Publish } from '../cluster/invalidation-bus.ts'
import type { Config } from '../config/config.ts'
import type { Em } from '../database/database.ts'
import { raise } from '../errors/errors.ts'
import { invalidGrant, invalidRequest } from '../errors/protocol.ts'
import { earlierOf } from '../http/time.ts'
import { lockClients } from '../tokens/insert.ts'
import type { Mint } from '../tokens/mint.ts'
import { passOn } from '../tokens/pass-on.ts'
import { revokeTokens } from '../tokens/revoke.ts'
import type { User } from '../users/user.entity.ts'
import type { Grant, GrantRequest } from './grant.ts'
import { insertForGrant, revokedMeanwhile } from './insert.ts'
import { lockLiveUser } from './live-user.ts'
import type { ClientPolicy, GrantTarget } from './policy.ts'
import { RefreshToken } from './refresh.entity.ts'
import { type Family, revokeReusedFamily, storeRefreshToken, storeSuccessor } from './refresh-family.ts'
import { refreshGraceOf } from './refresh-grace.ts'
import { readReplay, storeReplay } from './refresh-replay.ts'
import { newRefreshText } from './refresh-text.ts'
import type { FindRefreshHash } from './refresh-texts.ts'
import { revokeGrant } from './revoke-grants.ts'
import { toTokenResponse } from './token-response.ts'

/** Refresh tokens. A family starts with a grant, continues by rotation, and is revoked as a whole. */
export interface Refresh {
  /**
   * Starts a family, in the transaction of `em` that inserts its access token.
   * @param until the latest end of the family; null: its client's or the configured lifetime
   * @returns the plain text of its first refresh token
   */
  start(em: Em, family: Family, until?: Date | null): Promise<string>
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
  findRefreshHash: FindRefreshHash
  config: Pick<Config, 'tokenPrefix' | 'refreshTokenLifetime' | 'refreshGrace'>
}

export function createRefresh({ bus, mint, policy, findRefreshHash, config }: RefreshOptions): Refresh {
  /** @returns undefined if the refresh token was already rotated and its response cannot be repeated */
  async function rotate(
    em: Em,
    publish: Publish,
    { client, params }: GrantRequest,
    refreshToken: RefreshToken,
    text: string,
    grantTarget: GrantTarget,
  ) {
    const graceMs = refreshGraceOf(config, client) * 1000
    const user = await lockLiveUser(em, refreshToken.user)
    // Locked before the refresh token: revoking a client locks the client's row first, then the refresh tokens.
    if (!(await lockClients(em, [client.id]))) throw revokedMeanwhile()
    const scopes = policy.limit(policy.downscope(client, refreshToken.scopes, params.scope, user.role), user)
    const target = grantTarget.resolve(scopes, grantTarget.narrow(refreshToken.audience))
    if (!(await markUsed(em, refreshToken))) return readReplay(refreshToken, text, graceMs)
    const expiresAt = earlierOf(policy.expiry(client, 'refresh_token'), refreshToken.expiresAt)
    const spec = specOf(client, refreshToken, user)
    const issued = await mint({ ...spec, ...target, expiresAt })
    await insertForGrant(em, issued.token, {
      kind: 'token.refreshed',
      details: { replaces: refreshToken.accessToken },
    })
    await passOn(em, [refreshToken.accessToken], issued.token.id)
    await revokeTokens(em, publish, { id: refreshToken.accessToken })
    const response = toTokenResponse(
      issued,
      await storeSuccessor(em, refreshToken, client, issued.token.id, config.tokenPrefix),
    )
    if (graceMs > 0)
      await storeReplay(em, refreshToken, text, { answer: response, expiresAt: issued.token.expiresAt.getTime() })
    return response
  }

  return {
    async start(em, family, until) {
      const seconds = family.client.refreshTokenLifetime ?? config.refreshTokenLifetime
      const text = newRefreshText(config.tokenPrefix)
      const end = new Date(Math.floor(Date.now() / 1000 + seconds) * 1000)
      await storeRefreshToken(em, family, text, until ? earlierOf(end, until) : end)
      return text
    },

    revokeGrant: (em, publish, grant) => revokeGrant(em, publish, grant),

    async grant(request) {
      const text = request.params.refresh_token
      if (text === undefined) throw invalidRequest('refresh_token is missing.')
      const grantTarget = await policy.grantTarget(request.params.resource)
      const hash = (await findRefreshHash(text)) ?? raise(invalidGrant(INVALID_REFRESH_TOKEN))
      const { refreshToken, response } = await bus.transaction(async (em, publish) => {
        const refreshToken = await em.findOne(RefreshToken, { hash, client: request.client.id })
        if (!refreshToken) throw invalidGrant(INVALID_REFRESH_TOKEN)
        return { refreshToken, response: await rotate(em, publish, request, refreshToken, text, grantTarget) }
      })
      if (response) return response
      await revokeReusedFamily(bus, refreshToken)
      throw invalidGrant(INVALID_REFRESH_TOKEN)
    },
  }
}

/** What the new access token has in common with the one before. */
const specOf = (client: Client, { user, grant }: RefreshToken, owner: User) => ({
  user,
  subject: owner.subject,
  client: client.id,
  clientId: clientIdOf(client),
  name: null,
  format: client.tokenFormat,
  grant,
})

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
