import { createRemoteJWKSet, decodeJwt, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose'
import { writeAudit } from '../audit/audit.ts'
import type { Database } from '../database/database.ts'
import { badRequest, PosternError } from '../errors/errors.ts'
import { Session } from '../users/session.entity.ts'
import { Identity } from './identity.entity.ts'
import type { ProviderClient } from './provider.ts'

/**
 * Ends the sessions that a logout token names (OpenID Connect Back-Channel Logout 1.0 §2.6): one session at the provider by
 * `sid`, or all of a person by `sub`. Only sessions that began before the token was issued are ended, so a token that is
 * sent again ends nothing that began later.
 * @throws 400 for a token that is not valid; 503 while the provider's keys cannot be loaded
 */
export type EndByProvider = (logoutToken: string) => Promise<void>

const EVENT = 'http://schemas.openid.net/event/backchannel-logout'
const MAX_AGE_SECONDS = 300
const KEYS_TIMEOUT_MS = 5_000
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519']

export function createEndByProvider(db: Database, providers: readonly ProviderClient[]): EndByProvider {
  const keySets = new Map<string, JWTVerifyGetKey>()

  async function keysOf(provider: ProviderClient): Promise<JWTVerifyGetKey> {
    const url = await provider.jwksUri()
    const keys = keySets.get(url.href) ?? createRemoteJWKSet(url, { timeoutDuration: KEYS_TIMEOUT_MS })
    keySets.set(url.href, keys)
    return keys
  }

  async function verify(token: string): Promise<JWTPayload> {
    const provider = providers.find(({ config }) => config.issuer === issuerOf(token))
    // Nothing is fetched for an issuer that is not configured.
    if (!provider) throw invalid('its issuer is not known')
    const { issuer, clientId: audience } = provider.config
    const options = { issuer, audience, algorithms: ALGORITHMS, maxTokenAge: MAX_AGE_SECONDS, clockTolerance: 10 }
    const { payload } = await jwtVerify(token, await keysOf(provider), options).catch(error => {
      if (error instanceof PosternError) throw error
      throw invalid(error.message)
    })
    const { events, nonce, sub, sid } = payload as JWTPayload & { events?: Record<string, unknown> }
    if (typeof events?.[EVENT] !== 'object') throw invalid('it is not a logout token')
    if (nonce !== undefined) throw invalid('it has a nonce, as an ID token has')
    if (typeof sub !== 'string' && typeof sid !== 'string') throw invalid('it has neither sub nor sid')
    return payload
  }

  return async token => {
    const { iss: issuer, sub: subject, sid, iat } = await verify(token)
    // `iat` is in whole seconds, rounded down.
    const startedBefore = { $lt: new Date(((iat as number) + 1) * 1000) }
    await db.transaction(async em => {
      const identity = subject === undefined ? null : await em.findOne(Identity, { issuer: issuer as string, subject })
      if (subject !== undefined && !identity) return
      const ended = await em.find(Session, {
        provider: issuer as string,
        createdAt: startedBefore,
        ...(identity && { user: identity.user }),
        ...(typeof sid === 'string' && { providerSession: sid }),
      })
      for (const { id, user } of ended) {
        await em.nativeDelete(Session, { id })
        writeAudit(em, { kind: 'session.ended', userId: user, details: { provider: issuer } })
      }
    })
  }
}

function issuerOf(token: string): unknown {
  try {
    return decodeJwt(token).iss
  } catch {
    throw invalid('it is not a JWT')
  }
}

const invalid = (why: string) => badRequest(`logout_token is not valid: ${why}.`)
