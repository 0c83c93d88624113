import { resourcesOf } from '../../tokens/audience.ts'
import type { AccessToken, ShownToken } from '../../tokens/token.entity.ts'
import type { Usage } from '../../tokens/usage.ts'
import { asWritten } from '../phrase.ts'
import { texts } from '../texts.ts'

export type TokenState = 'live' | 'suspended' | 'revoked' | 'expired'

/** A token for the pages. */
export interface TokenView {
  id: string
  name: string
  scopes: readonly string[]
  format: string
  /** null: every API of this deployment. */
  resources: readonly string[] | null
  createdAt: Date
  lastUsedAt: Date | null
  expiresAt: Date
  state: TokenState
}

export type TokenViews = (token: ShownToken) => TokenView

export const tokenViews =
  (usage: Pick<Usage, 'lastUse'>): TokenViews =>
  token => {
    const { id, scopes, format, createdAt, expiresAt } = token
    const resources = token.audience === null ? null : resourcesOf(token.audience)
    const { lastUsedAt } = usage.lastUse(token)
    return {
      id,
      name: nameOf(token),
      scopes,
      format,
      resources,
      createdAt,
      lastUsedAt,
      expiresAt,
      state: stateOf(token),
    }
  }

/** The name of a token, without bidirectional control characters. */
export const nameOf = ({ name }: Pick<AccessToken, 'name'>) => asWritten(name ?? texts.tokens.unnamed)

function stateOf({ revoked, suspended, expiresAt }: Pick<AccessToken, 'revoked' | 'suspended' | 'expiresAt'>) {
  if (revoked) return 'revoked'
  if (expiresAt.getTime() <= Date.now()) return 'expired'
  return suspended ? 'suspended' : 'live'
}
