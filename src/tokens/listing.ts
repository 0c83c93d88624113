import { type FilterQuery, raw } from '@mikro-orm/postgresql'
import type { AccessToken } from './token.entity.ts'

export type ListState = 'live' | 'suspended' | 'ended' | 'all'

/** Which of a user's tokens a list shows. */
export interface Listing {
  /** `live` unless said: neither revoked nor expired. Suspended ones are among them; `ended` are the rest. */
  state?: ListState | undefined
  /** Part of the name or of a scope, in any case. */
  search?: string | undefined
}

export function listing({ state = 'live', search }: Listing): FilterQuery<AccessToken> {
  return { $and: [inState(state), ...(search ? [named(search)] : [])] } as FilterQuery<AccessToken>
}

function inState(state: ListState): FilterQuery<AccessToken> {
  const now = new Date()
  if (state === 'all') return {}
  if (state === 'ended') return { $or: [{ revoked: true }, { expiresAt: { $lte: now } }] }
  return { revoked: false, expiresAt: { $gt: now }, ...(state === 'suspended' && { suspended: true }) }
}

function named(part: string): FilterQuery<AccessToken> {
  const $ilike = `%${part.replaceAll(/[\\%_]/g, '\\$&')}%`
  return { $or: [{ name: { $ilike } }, { [raw(alias => `${alias}.scopes::text`)]: { $ilike } }] }
}
