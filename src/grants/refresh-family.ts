import type { Client } from '../clients/client.entity.ts'
import type { Publish } from '../cluster/invalidation-bus.ts'
import type { Em } from '../database/database.ts'
import { newId } from '../database/ids.ts'
import { BATCH_SIZE, type Batch } from '../database/run-batches.ts'
import { hashSecret, newSecret } from '../security/secrets.ts'
import { revokeTokenBatch, revokeTokens } from '../tokens/revoke.ts'
import { AuthCode } from './code.entity.ts'
import { DeviceCode } from './device.entity.ts'
import { RefreshToken } from './refresh.entity.ts'

/** What a refresh token stands for. */
export interface Family {
  /** Id of the grant: of the code or device code that began it. */
  grant: string
  /** Id of the access token that it is given with. */
  accessToken: string
  /** Id. */
  user: string
  client: Pick<Client, 'id' | 'refreshTokenLifetime'>
  scopes: string[]
  audience: string | null
}

/** Prefixes of before included. Other texts need no look-up. */
export function isRefreshText(tokenPrefix: string, text: string): boolean {
  const prefix = text.slice(0, -RANDOM_CHARACTERS)
  const isPrefix = prefix === refreshPrefix(tokenPrefix) || /^[\w-]*r_$/.test(prefix)
  return isPrefix && /^[\w-]+$/.test(text.slice(prefix.length)) && text.length > RANDOM_CHARACTERS
}

/** 256 random bits behind a prefix that secret scanners find: `post_` makes `postr_`. */
export const newRefreshText = (tokenPrefix: string) => refreshPrefix(tokenPrefix) + newSecret()

/** Of 256 bits in base64url. */
const RANDOM_CHARACTERS = 43
const refreshPrefix = (tokenPrefix: string) => tokenPrefix.replace(/_$/, 'r_')

/** Stores a link of a family in the transaction of `em`. */
export async function storeRefreshToken(em: Em, family: Family, text: string, expiresAt: Date): Promise<void> {
  await em.insert(RefreshToken, {
    ...family,
    id: newId(),
    client: family.client.id,
    hash: hashSecret(text),
    revoked: false,
    usedAt: null,
    replay: null,
    createdAt: new Date(),
    expiresAt,
  })
}

/** How something ends that may be too much for one request. */
export interface RevokeGrantsOptions {
  /** Id of an access token that goes last, so that a request that is cut off can be sent again with it. */
  lastTokenId?: string | undefined
  /** Milliseconds after which no further batch begins; omitted: it goes on to the end. */
  timeoutMs?: number
}

/** All grants that a user gave, or gave a client. */
export type GrantSelector = { user: string; client?: string }

/**
 * Ends a grant in the transaction of `em`: its access and refresh tokens die.
 * @returns how many access tokens died
 */
export async function revokeGrant(em: Em, publish: Publish, grant: string): Promise<number> {
  const owners = 'select user_id from oauth_refresh_tokens where grant_id = ?'
  await em.execute(`select id from users where id in (${owners}) for no key update`, [grant])
  const revoked = await revokeTokens(em, publish, { grant })
  await em.nativeUpdate(RefreshToken, { grant, revoked: false }, { revoked: true, replay: null })
  return revoked.length
}

/**
 * Ends the next batch of what a user's grants gave, in the transaction of `em`: access and refresh tokens die, also those
 * that came without a grant, and codes that were not redeemed yet give nothing any more.
 *
 * Whoever redeems something holds its user's row shared, so this waits for what is under way, and the statements that
 * follow see what it made; who comes later finds nothing to redeem.
 * @param lastTokenId id of an access token that goes last
 */
export async function revokeGrants(em: Em, publish: Publish, of: GrantSelector, lastTokenId?: string): Promise<Batch> {
  await em.execute('select id from users where id = ? for no key update', [of.user])
  await invalidateCodes(em, of)
  const { last } = await revokeRefreshTokens(em, of)
  if (!last) return { count: 0, last }
  return revokeTokenBatch(em, publish, of, lastTokenId)
}

/** No event belongs to them, so more of them share a transaction. */
const REFRESH_BATCH = 5 * BATCH_SIZE

/** Revokes the next batch of refresh tokens of a user, of a client or of both, in the transaction of `em`. */
export async function revokeRefreshTokens(em: Em, of: { user?: string; client?: string }): Promise<Batch> {
  const links = await em.find(RefreshToken, { ...of, revoked: false }, { fields: ['id'], limit: REFRESH_BATCH })
  const id = { $in: links.map(link => link.id) }
  if (links.length > 0) await em.nativeUpdate(RefreshToken, { id }, { revoked: true, replay: null })
  return { count: links.length, last: links.length < REFRESH_BATCH }
}

async function invalidateCodes(em: Em, of: GrantSelector): Promise<void> {
  await em.nativeUpdate(AuthCode, { ...of, usedAt: null }, { usedAt: new Date() })
  await em.nativeUpdate(DeviceCode, { ...of, state: 'approved' }, { state: 'denied' })
}
