import { LockMode } from '@mikro-orm/postgresql'
import type { Announce, Changes } from '../changes/changes.ts'
import type { Client } from '../clients/client.entity.ts'
import type { Config } from '../config.ts'
import type { Em } from '../database.ts'
import { invalidGrant, invalidRequest } from '../protocol-errors.ts'
import type { Mint } from '../tokens/mint.ts'
import { retire } from '../tokens/retire.ts'
import { hashText } from '../tokens/text.ts'
import { AccessToken } from '../tokens/token.entity.ts'
import { User } from '../users/user.entity.ts'
import { answer } from './answer.ts'
import type { Grant, GrantRequest, TokenAnswer } from './grant.ts'
import { RefreshToken } from './refresh.entity.ts'
import { addLink, endGrants, type Family, newRefreshText } from './refresh-family.ts'
import type { Terms } from './terms.ts'

/** Refresh tokens: families that begin with a grant, live on by rotation, and die together. */
export interface Refresh {
  /**
   * Begins a family, in the transaction of `em` that makes its access token.
   * @returns the plain text of its first refresh token
   */
  start(em: Em, family: Family): Promise<string>
  /**
   * Kills every access and refresh token of a grant, in the transaction of `em`.
   * @returns how many access tokens died
   */
  revokeGrant(em: Em, announce: Announce, grant: string): Promise<number>
  /** The grant type `refresh_token` (RFC 6749 §6). */
  grant: Grant
}

export interface RefreshOptions {
  changes: Changes
  mint: Mint
  terms: Terms
  config: Pick<Config, 'tokenPrefix' | 'refreshTokenLifetime'>
}

export function createRefresh({ changes, mint, terms, config }: RefreshOptions): Refresh {
  async function start(em: Em, family: Family): Promise<string> {
    const seconds = family.client.refreshTokenLifetime ?? config.refreshTokenLifetime
    const text = newRefreshText(config.tokenPrefix)
    await addLink(em, family, text, new Date(Date.now() + seconds * 1000))
    return text
  }

  /** @returns the answer, or undefined when the token had been rotated before */
  async function rotate(em: Em, announce: Announce, request: GrantRequest, link: RefreshToken) {
    const { client, params } = request
    const user = await liveUser(em, link.user)
    const scopes = terms.narrowed(client, link.scopes, params.scope, user.role)
    if (!(await redeem(em, link))) return undefined
    await retire(em, announce, { id: link.accessToken })
    return give(em, client, link, scopes)
  }

  async function give(em: Em, client: Client, link: RefreshToken, scopes: string[]): Promise<TokenAnswer> {
    const { grant, user, audience, expiresAt } = link
    const ends = terms.expiry(client, 'refresh_token')
    const issued = await mint({
      user,
      client: client.id,
      name: null,
      scopes,
      format: client.tokenFormat,
      audience,
      grant,
      expiresAt: ends < expiresAt ? ends : expiresAt,
    })
    await em.insert(AccessToken, issued.token)
    const text = newRefreshText(config.tokenPrefix)
    const family = { grant, accessToken: issued.token.id, user, client, scopes: link.scopes, audience }
    await addLink(em, family, text, expiresAt)
    return answer(issued, text)
  }

  return {
    start,
    revokeGrant: (em, announce, grant) => endGrants(em, announce, { grant }),
    async grant(request) {
      const text = request.params.refresh_token
      if (text === undefined) throw invalidRequest('refresh_token is missing.')
      const outcome = await changes.transaction(async (em, announce) => {
        const link = await em.findOne(RefreshToken, { hash: hashText(text) })
        if (!link || link.client !== request.client.id) throw invalidGrant(DEAD)
        return (await rotate(em, announce, request, link)) ?? { reused: link.grant }
      })
      if (!('reused' in outcome)) return outcome
      await changes.transaction((em, announce) => endGrants(em, announce, { grant: outcome.reused }))
      throw invalidGrant(DEAD)
    },
  }
}

const DEAD = 'The refresh token is unknown, expired or revoked.'

/** Held until the transaction ends, so that whoever ends what the user allowed waits for it, and sees what it made. */
async function liveUser(em: Em, id: string): Promise<User> {
  const user = await em.findOne(User, { id }, { lockMode: LockMode.PESSIMISTIC_READ })
  if (!user || user.disabledAt) throw invalidGrant('The user is disabled.')
  return user
}

/** The one statement that decides who wins. */
async function redeem(em: Em, { id }: RefreshToken): Promise<boolean> {
  const now = new Date()
  const live = { id, revoked: false, usedAt: null, expiresAt: { $gt: now } }
  if ((await em.nativeUpdate(RefreshToken, live, { usedAt: now })) > 0) return true
  const link = await em.findOneOrFail(RefreshToken, { id }, { refresh: true })
  if (link.revoked || link.expiresAt <= now) throw invalidGrant(DEAD)
  return false
}
