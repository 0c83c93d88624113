import { PosternError } from './postern-error.ts'
import type { Authenticate } from './requirements.ts'
import { type EndWatcher, type OnEnd, Token, watchToken } from './token.ts'

/** A guard's `authenticate`, whose tokens support `onEnd`. */
export interface TokenWatcher {
  authenticate: Authenticate
  /** Stops all watches. No listener is called afterwards. */
  close(): void
}

/** Milliseconds between two checks of a token: the maximum delay between a revocation's arrival at the guard and the callback. */
const INTERVAL_MS = 500
/** The maximum number of concurrent checks that wait for a request. */
const MAX_PENDING = 10

interface WatchedToken {
  token: Token
  text: string
  onEnd: OnEnd
}

/**
 * Checks the tokens of open streams periodically, in the same way as those of requests, and mostly from memory. Tokens
 * without a listener are not checked.
 * @param authenticate checks the token of a request
 * @param graceMs milliseconds that a stream stays open while the status of its token is unknown
 */
export function createTokenWatcher(authenticate: Authenticate, graceMs: number): TokenWatcher {
  const watched = new Map<WatchedToken, { since: number | undefined }>()
  const pending = new Set<WatchedToken>()

  const watcher: EndWatcher = {
    watch(token, text, onEnd) {
      const entry = { token, text, onEnd }
      watched.set(entry, { since: undefined })
      return () => void watched.delete(entry)
    },
  }

  function end(entry: WatchedToken, reason: Error): void {
    if (watched.delete(entry)) entry.onEnd(reason)
  }

  function tokenValid(entry: WatchedToken, token: unknown): void {
    const state = watched.get(entry)
    if (!state) return
    state.since = undefined
    if (!(token instanceof Token)) end(entry, new Error('The access token is no longer accepted.'))
    else if (token.lacks(entry.token.scopes).length > 0) end(entry, new Error('The access token lost a scope.'))
  }

  function checkFailed(entry: WatchedToken, error: unknown): void {
    const state = watched.get(entry)
    if (!state) return
    const transient = !(error instanceof PosternError) || error.status >= 500
    state.since ??= performance.now()
    if (!transient || performance.now() - state.since > graceMs) end(entry, error as Error)
  }

  function checkEntry(entry: WatchedToken): void {
    try {
      const result = authenticate(entry.text)
      if (result instanceof Promise) void checkAsync(entry, result)
      else tokenValid(entry, result)
    } catch (error) {
      checkFailed(entry, error)
    }
  }

  async function checkAsync(entry: WatchedToken, checking: Promise<Token>): Promise<void> {
    pending.add(entry)
    await checking.then(
      token => tokenValid(entry, token),
      error => checkFailed(entry, error),
    )
    pending.delete(entry)
  }

  function checkAll(): void {
    for (const [entry, state] of [...watched]) {
      if (pending.has(entry) || pending.size >= MAX_PENDING) continue
      // Move it to the end, so that every token is checked in turn.
      watched.delete(entry)
      watched.set(entry, state)
      checkEntry(entry)
    }
  }

  // Started here and not in a request, because it would keep the asynchronous context of the request.
  const timer = setInterval(checkAll, INTERVAL_MS).unref()

  return {
    authenticate(text) {
      const result = authenticate(text)
      return result instanceof Promise
        ? result.then(token => watchToken(token, text, watcher))
        : watchToken(result, text, watcher)
    },
    close() {
      clearInterval(timer)
      watched.clear()
    },
  }
}
