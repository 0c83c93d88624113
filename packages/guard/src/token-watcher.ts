import { PosternError } from './postern-error.ts'
import type { Authenticate } from './requirements.ts'
import { type EndWatcher, type OnEnd, Token, watchToken } from './token.ts'

/** A guard's `authenticate` whose tokens say when they end. */
export interface TokenWatcher {
  authenticate: Authenticate
  /** Nobody is told any more. */
  close(): void
}

/** Milliseconds from one look to the next: a revocation that is known here is told within this time. */
const INTERVAL_MS = 500
/** Looks under way at once that have to ask somebody; the others wait for their turn. */
const MAX_PENDING = 10

interface WatchedToken {
  token: Token
  text: string
  onEnd: OnEnd
}

/**
 * Tokens of open streams are checked again and again, as a new request with them would be; what costs a request nothing
 * costs a stream nothing. Tokens that nobody watches cost nothing at all.
 * @param authenticate as the guard checks a request
 * @param graceMs how long a stream goes on while nobody can say what became of its token
 */
export function createTokenWatcher(authenticate: Authenticate, graceMs: number): TokenWatcher {
  const watched = new Map<WatchedToken, { since: number | undefined }>()
  const pending = new Set<WatchedToken>()

  const endings: EndWatcher = {
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
    if (!(token instanceof Token)) end(entry, new Error('The access token is not known any more.'))
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
      const found = authenticate(entry.text)
      if (found instanceof Promise) void checkAsync(entry, found)
      else tokenValid(entry, found)
    } catch (error) {
      checkFailed(entry, error)
    }
  }

  async function checkAsync(entry: WatchedToken, found: Promise<Token>): Promise<void> {
    pending.add(entry)
    await found.then(
      token => tokenValid(entry, token),
      error => checkFailed(entry, error),
    )
    pending.delete(entry)
  }

  function checkAll(): void {
    for (const [entry, state] of [...watched]) {
      if (pending.has(entry) || pending.size >= MAX_PENDING) continue
      // To the end of the line, so that each has its turn.
      watched.delete(entry)
      watched.set(entry, state)
      checkEntry(entry)
    }
  }

  // Begun here and not by a request, whose asynchronous context it would keep.
  const timer = setInterval(checkAll, INTERVAL_MS).unref()

  return {
    authenticate(text) {
      const found = authenticate(text)
      return found instanceof Promise
        ? found.then(token => watchToken(token, text, endings))
        : watchToken(found, text, endings)
    },
    close() {
      clearInterval(timer)
      watched.clear()
    },
  }
}
