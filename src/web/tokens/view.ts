import { resourcesOf } from '../../tokens/audience.ts'
import { stateOf, type TokenState } from '../../tokens/state.ts'
import type { AccessToken, ListedToken } from '../../tokens/token.entity.ts'
import type { Usage } from '../../tokens/usage.ts'
import { stripBidiControls } from '../phrase.ts'
import { texts } from '../texts.ts'

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
  /** Where it was last used, in short; undefined: at this server. */
  lastUsedBy: string | undefined
  expiresAt: Date
  state: TokenState
  /** Whether another token replaced it, and it works only until the end of the overlap. */
  replaced: boolean
  unusedScopes: readonly string[]
}

export type TokenViews = (token: ListedToken) => TokenView

export const tokenViews =
  (usage: Pick<Usage, 'lastUse'>): TokenViews =>
  token => {
    const { id, scopes, format, createdAt, expiresAt } = token
    const resources = token.audience === null ? null : resourcesOf(token.audience)
    const { lastUsedAt, lastUsedBy, unusedScopes } = usage.lastUse(token)
    return {
      id,
      name: nameOf(token),
      scopes,
      format,
      resources,
      createdAt,
      lastUsedAt,
      lastUsedBy: lastUsedBy === null ? undefined : shortUri(lastUsedBy),
      expiresAt,
      state: stateOf(token),
      replaced: token.successor !== null,
      unusedScopes,
    }
  }

/** The name of a token, without bidirectional control characters. */
export const nameOf = ({ name }: Pick<AccessToken, 'name'>) => stripBidiControls(name ?? texts.tokens.unnamed)

/** The URI of an API without what all of them have: `orders.example.com`, `example.com/orders`. */
function shortUri(uri: string): string {
  const { host = '', pathname = '' } = URL.parse(uri) ?? {}
  return host === '' ? uri : host + pathname.replace(/\/$/, '')
}
