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

/** The authorization that a refresh token represents. */
export interface Family {
  /** Id of the grant: the authorization code or device code. */
  grant: string
  /** Id of the access token that is issued with it. */
  accessToken: string
  /** Id of the user. */
  user: string
  client: Pick<Client, 'id' | 'refreshTokenLifetime'>
  scopes: string[]
  audience: string | null
}

/** Whether a text can be a refresh token, also with an earlier prefix. Other texts need no look-up. */
export function isRefreshText(tokenPrefix: string, text: string): boolean {
  const prefix = text.slice(0, -RANDOM_CHARACTERS)
  const isPrefix = prefix === refreshPrefix(tokenPrefix) || /^[\w-]*r_$/.test(prefix)
  return isPrefix && /^[\w-]+$/.test(text.slice(prefix.length)) && text.length > RANDOM_CHARACTERS
}

/** Generates a refresh token: a prefix that secret scanners recognize (`postr_` for `post_`) and 256 random bits. */
export const newRefreshText = (tokenPrefix: string) => refreshPrefix(tokenPrefix) + newSecret()

/** The length of 256 bits in base64url. */
const RANDOM_CHARACTERS = 43
const refreshPrefix = (tokenPrefix: string) => tokenPrefix.replace(/_$/, 'r_')

/** Stores a refresh token in the transaction of `em`. */
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

/** Limits of a revocation that may take more than one request. */
export interface RevokeGrantsOptions {
  /** Id of the access token to revoke last, so that an interrupted request can be repeated with it. */
  lastTokenId?: string | undefined
  /** Milliseconds after which no further batch starts; default: no limit. */
  timeoutMs?: number
}

/** Selects all grants of a user, optionally those to one client. */
export type GrantSelector = { user: string; client?: string }

/**
 * Revokes the access and refresh tokens of a grant in the transaction of `em`.
 * @returns how many access tokens were revoked
 */
export async function revokeGrant(em: Em, publish: Publish, grant: string): Promise<number> {
  const owners = 'select user_id from oauth_refresh_tokens where grant_id = ?'
  await em.execute(`select id from users where id in (${owners}) for no key update`, [grant])
  const revoked = await revokeTokens(em, publish, { grant })
  await em.nativeUpdate(RefreshToken, { grant, revoked: false }, { revoked: true, replay: null })
  return revoked.length
}

/**
 * Revokes the next batch of a user's access and refresh tokens, including those without a grant, and invalidates codes that
 * have not been redeemed, in the transaction of `em`.
 *
 * Redeeming a code or token locks the user's row (shared). This waits for such transactions, and the following statements
 * see their rows. Later requests find nothing to redeem.
 * @param lastTokenId id of the access token to revoke last
 */
export async function revokeGrants(
  em: Em,
  publish: Publish,
  selector: GrantSelector,
  lastTokenId?: string,
): Promise<Batch> {
  await em.execute('select id from users where id = ? for no key update', [selector.user])
  await invalidateCodes(em, selector)
  const { last } = await revokeRefreshTokens(em, selector)
  if (!last) return { count: 0, last }
  return revokeTokenBatch(em, publish, selector, lastTokenId)
}

/** Refresh tokens have no status events, so more of them fit into a transaction. */
const REFRESH_BATCH = 5 * BATCH_SIZE

/** Revokes the next batch of refresh tokens of a user, of a client or of both, in the transaction of `em`. */
export async function revokeRefreshTokens(em: Em, selector: { user?: string; client?: string }): Promise<Batch> {
  const rows = await em.find(RefreshToken, { ...selector, revoked: false }, { fields: ['id'], limit: REFRESH_BATCH })
  const id = { $in: rows.map(row => row.id) }
  if (rows.length > 0) await em.nativeUpdate(RefreshToken, { id }, { revoked: true, replay: null })
  return { count: rows.length, last: rows.length < REFRESH_BATCH }
}

async function invalidateCodes(em: Em, selector: GrantSelector): Promise<void> {
  await em.nativeUpdate(AuthCode, { ...selector, usedAt: null }, { usedAt: new Date() })
  await em.nativeUpdate(DeviceCode, { ...selector, state: 'approved' }, { state: 'denied' })
}
