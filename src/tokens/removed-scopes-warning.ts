import type { Log } from '../errors/log.ts'
import { type ListRemovedScopes, MAX_TOKENS_READ } from './removed-scopes.ts'

/**
 * Logs a warning if live tokens have scopes that are no longer in the catalogue. It runs in the background of the start. An
 * operator who removed a scope by mistake sees it in the log before users report it.
 */
export async function warnOfRemovedScopes(removedScopes: ListRemovedScopes, log: Log): Promise<void> {
  try {
    const removed = await removedScopes()
    if (removed.length === 0) return
    const list = removed.map(({ scope, tokens }) => `${scope} (${tokens})`).join(', ')
    log.warn(
      { scopes: removed },
      `live tokens have scopes that are not in the catalogue: ${list}. These tokens keep them, but no other token can get ` +
        `them. Only the newest ${MAX_TOKENS_READ} tokens were checked.`,
    )
  } catch (err) {
    log.warn({ err }, 'failed to compare the scopes of live tokens with the catalogue')
  }
}
