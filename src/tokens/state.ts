import type { AccessToken } from './token.entity.ts'

export const TOKEN_STATES = ['active', 'suspended', 'revoked', 'expired'] as const
export type TokenState = (typeof TOKEN_STATES)[number]

/**
 * Whether a token is accepted, and if not, why: the reason that lasts longest.
 * @example stateOf({ revoked: false, suspended: true, expiresAt: tomorrow }) // 'suspended'
 */
export function stateOf({
  revoked,
  suspended,
  expiresAt,
}: Pick<AccessToken, 'revoked' | 'suspended' | 'expiresAt'>): TokenState {
  if (revoked) return 'revoked'
  if (expiresAt.getTime() <= Date.now()) return 'expired'
  return suspended ? 'suspended' : 'active'
}
