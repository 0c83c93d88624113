import type { Publish } from '../cluster/invalidation-bus.ts'
import type { Em } from '../database/database.ts'
import { BATCH_SIZE, type Batch, type Step } from '../database/run-batches.ts'
import { endUnseenRefresh } from '../imported/end-unseen.ts'
import { revokeTokens } from '../tokens/revoke.ts'
import { type RevokeManyOptions, revokeNextTokens } from '../tokens/revoke-many.ts'
import { AuthCode } from './code.entity.ts'
import { DeviceCode } from './device.entity.ts'
import { RefreshToken } from './refresh.entity.ts'

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
 * @param options `bounded`: what is authorized while later batches run stays. Default false: whatever was approved before the
 *   first one may be issued meanwhile, and must not outlive the last one.
 */
export async function revokeGrants(
  em: Em,
  publish: Publish,
  selector: GrantSelector,
  options: RevokeManyOptions = {},
): Promise<Step> {
  const { state = {}, bounded = false } = options
  await em.execute('select id from users where id = ? for no key update', [selector.user])
  // What was authorized after the bound stays.
  if (!bounded || state.upTo === undefined) {
    await invalidateCodes(em, selector)
    await endUnseenRefresh(em, selector)
    const { last } = await revokeRefreshTokens(em, selector)
    if (!last) return { count: 0, last, state }
  }
  return revokeNextTokens(em, publish, selector, { ...options, bounded })
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
