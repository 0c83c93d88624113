import type { Log } from '../errors/log.ts'
import { type LeftScopes, MOST_LOOKED_AT } from './left-scopes.ts'

/**
 * Warns, beside the start, of scopes that live tokens have and the catalogue has no longer: whoever removed one by mistake
 * learns it here, and not from those whose tokens can no longer be changed to have it.
 */
export async function warnOfLeftScopes(leftScopes: LeftScopes, log: Log): Promise<void> {
  try {
    const left = await leftScopes()
    if (left.length === 0) return
    const list = left.map(({ scope, tokens }) => `${scope} (${tokens})`).join(', ')
    log.warn(
      { scopes: left },
      `live tokens have scopes that are not in the catalogue: ${list}. They keep them, and no token can be given them. ` +
        `Counted among the newest ${MOST_LOOKED_AT} tokens.`,
    )
  } catch (err) {
    log.warn({ err }, 'the scopes of live tokens could not be compared with the catalogue')
  }
}
