import { common } from '../../packages/guard/src/scope-set.ts'
import type { Publish } from '../cluster/invalidation-bus.ts'
import type { Em } from '../database/database.ts'
import { BATCH_SIZE } from '../database/run-batches.ts'
import { AccessToken } from './token.entity.ts'

/** Columns of the token that a token was exchanged for (RFC 8693); null if it was not exchanged. */
export interface ParentColumns {
  parent_id: string | null
  /** Also null if the parent has been deleted. */
  parent_scopes: string[] | null
  parent_expires_at: Date | string | null
  parent_revoked: boolean | null
  parent_suspended: boolean | null
  parent_client_id: string | null
  parent_client_revoked: boolean | null
}

export const PARENT_COLUMNS = `
  t.parent_id, p.scopes as parent_scopes, p.expires_at as parent_expires_at, p.revoked as parent_revoked,
  p.suspended as parent_suspended, p.client_id as parent_client_id, pc.revoked as parent_client_revoked`

export const PARENT_JOINS = `
  left join oauth_access_tokens p on p.id = t.parent_id
  left join oauth_clients pc on pc.id = p.client_id`

/** Limits the scopes and the expiry of a row to those of its parent. */
export function limitToParent<T extends ParentColumns & { scopes: string[]; expires_at: Date | string }>(
  row: T,
  inherit: boolean,
): T {
  const { parent_scopes: scopes, parent_expires_at: end } = row
  if (scopes === null || end === null) return row
  const expires_at = new Date(Math.min(new Date(row.expires_at).getTime(), new Date(end).getTime()))
  return { ...row, scopes: common(row.scopes, scopes, inherit), expires_at }
}

/** Why the state of the parent makes the token unusable, or undefined. */
export function parentRefusal(row: ParentColumns): string | undefined {
  if (row.parent_id === null) return undefined
  if (row.parent_scopes === null || row.parent_revoked) return 'The token that it was exchanged for has been revoked.'
  if (row.parent_suspended) return 'The token that it was exchanged for is suspended.'
  if (row.parent_client_revoked) return 'The client of the token that it was exchanged for has been revoked.'
  return undefined
}

/**
 * Publishes a change of a token and of the tokens exchanged for it, in the transaction of `em`. The caller must have locked
 * the row: an exchange locks it too, so that no token can be exchanged for it concurrently. Where those are very many, one
 * change stands for all, and their status events are written shortly after.
 */
export async function publishTokenChange(em: Em, publish: Publish, id: string): Promise<void> {
  const children = await em.find(
    AccessToken,
    { parent: id, revoked: false },
    { fields: ['id'], orderBy: { id: 'asc' }, limit: BATCH_SIZE + 1 },
  )
  if (children.length > BATCH_SIZE) return publish({ kind: 'token', id, exchanged: true })
  for (const changed of [id, ...children.map(child => child.id)]) publish({ kind: 'token', id: changed })
}
