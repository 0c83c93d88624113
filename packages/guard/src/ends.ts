import type { Authenticate } from './needs.ts'
import { PosternError } from './postern-error.ts'
import { type Endings, type OnEnd, Token, tie } from './token.ts'

/** A guard's `authenticate` whose tokens say when they end. */
export interface Ends {
  authenticate: Authenticate
  /** Nobody is told any more. */
  close(): void
}

/** Milliseconds from one look to the next: a revocation that is known here is told within this time. */
const INTERVAL_MS = 500
/** Looks under way at once that have to ask somebody; the others wait for their turn. */
const MOST_PENDING = 10

interface Watched {
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
export function createEnds(authenticate: Authenticate, graceMs: number): Ends {
  const watched = new Map<Watched, { since: number | undefined }>()
  const pending = new Set<Watched>()

  const endings: Endings = {
    watch(token, text, onEnd) {
      const entry = { token, text, onEnd }
      watched.set(entry, { since: undefined })
      return () => void watched.delete(entry)
    },
  }

  function end(entry: Watched, reason: Error): void {
    if (watched.delete(entry)) entry.onEnd(reason)
  }

  function good(entry: Watched, token: unknown): void {
    const state = watched.get(entry)
    if (!state) return
    state.since = undefined
    if (!(token instanceof Token)) end(entry, new Error('The access token is not known any more.'))
    else if (token.lacks(entry.token.scopes).length > 0) end(entry, new Error('The access token lost a scope.'))
  }

  function failed(entry: Watched, error: unknown): void {
    const state = watched.get(entry)
    if (!state) return
    const passing = !(error instanceof PosternError) || error.status >= 500
    state.since ??= performance.now()
    if (!passing || performance.now() - state.since > graceMs) end(entry, error as Error)
  }

  function look(entry: Watched): void {
    try {
      const found = authenticate(entry.text)
      if (found instanceof Promise) void later(entry, found)
      else good(entry, found)
    } catch (error) {
      failed(entry, error)
    }
  }

  async function later(entry: Watched, found: Promise<Token>): Promise<void> {
    pending.add(entry)
    await found.then(
      token => good(entry, token),
      error => failed(entry, error),
    )
    pending.delete(entry)
  }

  function lookAtAll(): void {
    for (const [entry, state] of [...watched]) {
      if (pending.has(entry) || pending.size >= MOST_PENDING) continue
      // To the end of the line, so that each has its turn.
      watched.delete(entry)
      watched.set(entry, state)
      look(entry)
    }
  }

  // Begun here and not by a request, whose asynchronous context it would keep.
  const timer = setInterval(lookAtAll, INTERVAL_MS).unref()

  return {
    authenticate(text) {
      const found = authenticate(text)
      return found instanceof Promise ? found.then(token => tie(token, text, endings)) : tie(found, text, endings)
    },
    close() {
      clearInterval(timer)
      watched.clear()
    },
  }
}
