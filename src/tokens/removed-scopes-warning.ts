import type { Log } from '../errors/log.ts'
import { type ListRemovedScopes, MAX_TOKENS_READ } from './removed-scopes.ts'

/**
 * Warns, beside the start, of scopes that live tokens have and the catalogue has no longer: whoever removed one by mistake
 * learns it here, and not from those whose tokens can no longer be changed to have it.
 */
export async function warnOfRemovedScopes(removedScopes: ListRemovedScopes, log: Log): Promise<void> {
  try {
    const removed = await removedScopes()
    if (removed.length === 0) return
    const list = removed.map(({ scope, tokens }) => `${scope} (${tokens})`).join(', ')
    log.warn(
      { scopes: removed },
      `live tokens have scopes that are not in the catalogue: ${list}. They keep them, and no token can be given them. ` +
        `Counted among the newest ${MAX_TOKENS_READ} tokens.`,
    )
  } catch (err) {
    log.warn({ err }, 'the scopes of live tokens could not be compared with the catalogue')
  }
}
