import { record } from '../audit/audit.ts'
import type { Client } from '../clients/client.entity.ts'
import type { Announce, Changes } from '../cluster/changes.ts'
import type { Config } from '../config/config.ts'
import type { Em } from '../database/database.ts'
import { invalidGrant, invalidRequest } from '../errors/protocol.ts'
import { hashSecret } from '../security/secrets.ts'
import { holdOwners } from '../tokens/insert.ts'
import type { Issued, Mint } from '../tokens/mint.ts'
import { passOn } from '../tokens/pass-on.ts'
import { retire } from '../tokens/retire.ts'
import type { Target } from '../tokens/target.ts'
import { issuedEvent } from '../tokens/writer.ts'
import { answer } from './answer.ts'
import type { Grant, GrantRequest } from './grant.ts'
import { liveUser } from './live-user.ts'
import { RefreshToken } from './refresh.entity.ts'
import { addLink, endGrant, type Family, newRefreshText } from './refresh-family.ts'
import { keepReplay, recallReplay } from './refresh-replay.ts'
import { lost, store } from './store.ts'
import type { GrantAim, Terms } from './terms.ts'

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
  config: Pick<Config, 'tokenPrefix' | 'refreshTokenLifetime' | 'refreshGrace'>
}

export function createRefresh({ changes, mint, terms, config }: RefreshOptions): Refresh {
  const graceMs = config.refreshGrace * 1000

  /** @returns undefined when a rotated token came back, and not for an answer that was lost */
  async function trade(
    em: Em,
    announce: Announce,
    { client, params }: GrantRequest,
    link: RefreshToken,
    text: string,
    aim: GrantAim,
  ) {
    const user = await liveUser(em, link.user)
    // Before the refresh token is redeemed: whoever revokes the client has its row first, and the refresh tokens then.
    if (!(await holdOwners(em, { user: link.user, client: client.id, parent: null }))) throw lost()
    const scopes = terms.narrowed(client, link.scopes, params.scope, user.role)
    const target = aim.at(scopes, aim.narrow(link.audience))
    if (!(await redeem(em, link))) return recallReplay(link, text, graceMs)
    const issued = await issue(em, client, link, target)
    await passOn(em, [link.accessToken], issued.token.id)
    await retire(em, announce, { id: link.accessToken })
    const given = answer(issued, await follow(em, client, link, issued.token.id))
    const expiresAt = issued.token.expiresAt.getTime()
    if (graceMs > 0) await keepReplay(em, link, text, { answer: given, expiresAt })
    return given
  }

  async function issue(em: Em, client: Client, link: RefreshToken, target: Target): Promise<Issued> {
    const { user, grant } = link
    const expiresAt = sooner(terms.expiry(client, 'refresh_token'), link.expiresAt)
    const draft = {
      user,
      client: client.id,
      name: null,
      ...target,
      format: client.tokenFormat,
      grant,
      expiresAt,
    }
    const issued = await mint(draft)
    const event = issuedEvent(issued.token, { replaces: link.accessToken })
    await store(em, issued.token, { ...event, kind: 'token.refreshed' })
    return issued
  }

  /** @returns the text of the next link */
  async function follow(em: Em, client: Client, link: RefreshToken, accessToken: string): Promise<string> {
    const { grant, user, scopes, audience } = link
    const text = newRefreshText(config.tokenPrefix)
    const family = { grant, accessToken, user, client, scopes, audience }
    await addLink(em, family, text, link.expiresAt)
    return text
  }

  /** In a transaction of its own, since it needs the user's row for itself, and stands although the request fails. */
  const punish = (link: RefreshToken) =>
    changes.transaction(async (em, announce) => {
      await endGrant(em, announce, link.grant)
      record(em, { kind: 'token.reused', tokenId: link.accessToken, userId: link.user, clientId: link.client })
    })

  return {
    async start(em, family) {
      const seconds = family.client.refreshTokenLifetime ?? config.refreshTokenLifetime
      const text = newRefreshText(config.tokenPrefix)
      await addLink(em, family, text, new Date(Math.floor(Date.now() / 1000 + seconds) * 1000))
      return text
    },

    revokeGrant: (em, announce, grant) => endGrant(em, announce, grant),

    async grant(request) {
      const text = request.params.refresh_token
      if (text === undefined) throw invalidRequest('refresh_token is missing.')
      const aim = await terms.aim(request.params.resource)
      const { link, given } = await changes.transaction(async (em, announce) => {
        const link = await em.findOne(RefreshToken, { hash: hashSecret(text), client: request.client.id })
        if (!link) throw invalidGrant(DEAD)
        return { link, given: await trade(em, announce, request, link, text, aim) }
      })
      if (given) return given
      await punish(link)
      throw invalidGrant(DEAD)
    },
  }
}

const DEAD = 'The refresh token is unknown, expired or revoked.'

/** The one statement that decides who wins. @returns false when the token was rotated before */
async function redeem(em: Em, { id }: RefreshToken): Promise<boolean> {
  const now = new Date()
  const live = { id, revoked: false, usedAt: null, expiresAt: { $gt: now } }
  if ((await em.nativeUpdate(RefreshToken, live, { usedAt: now })) > 0) return true
  const link = await em.findOneOrFail(RefreshToken, { id }, { refresh: true })
  if (link.revoked || link.expiresAt <= now) throw invalidGrant(DEAD)
  return false
}

const sooner = (a: Date, b: Date) => (a < b ? a : b)
