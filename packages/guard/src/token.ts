import { invalidToken } from './errors.ts'
import { LruCache } from './lru-cache.ts'
import type { ReservedScope } from './reserved-scopes.ts'
import { grants, missing } from './scope-set.ts'
import { flattenText } from './token-text-cache.ts'

/**
 * Declares the scopes of your application, so that a misspelt scope does not compile. Use the name of the module that you
 * import: `postern-guard` or `postern/guard`.
 * @example
 * declare module 'postern-guard' {
 *   interface Catalogue { scope: 'orders:read' | 'orders:create' }
 * }
 */
// biome-ignore lint/suspicious/noEmptyInterface: applications add to it by declaration merging
export interface Catalogue {}

/** The scopes of the declared `Catalogue` and the reserved ones; any string without a declared catalogue. */
export type ScopeName = Catalogue extends { scope: infer S extends string } ? S | ReservedScope : string

/** The fields of a `Token`. */
export interface TokenInit {
  /** The id of the token: the `jti` claim. */
  id: string
  /** The id of the user; null for the token of a machine. */
  userId: string | null
  clientId: string
  name?: string | null
  scopes: readonly string[]
  expiresAt: Date
  /** Whether `a` grants `a:b`. Default false. */
  inherit?: boolean
  /** Called when a check accepts the token, at most once a second for the same check. */
  onUse?: OnUse | undefined
}

/** Called when a check accepts a token. @param scopes the scopes that the check requires and the token has */
export type OnUse = (id: string, scopes: readonly string[]) => void

/** Called once when a token ends. @param reason 401 with the reason; 503 when its status was unknown for too long */
export type OnEnd = (reason: Error) => void

/** Checks tokens periodically while they have a listener. */
export interface EndWatcher {
  /** @returns a function that stops the watch */
  watch(token: Token, text: string, onEnd: OnEnd): () => void
}

/** Whole seconds since the epoch, as in claims. @param now milliseconds since the epoch */
export const wholeSecond = (now = Date.now()): number => Math.floor(now / 1_000)

interface ScopeSet {
  scopes: readonly string[]
  granted: ReadonlySet<string>
}

/** Thousands of tokens have the same few sets of scopes, so they share them. */
const sets = new LruCache<string, ScopeSet>(2_000)

function shared(scopes: readonly string[]): ScopeSet {
  const name = scopes.join(' ')
  const cached = sets.get(name)
  if (cached) return cached
  const set = { scopes: Object.freeze([...scopes]), granted: new Set(scopes) }
  sets.set(name, set)
  return set
}

/** Stores the text of a token that a cache holds, so that both share it. */
export let bindText: (token: Token, text: string) => void

/** Stores the text of a token and the watcher of the guard that checked it, for `onEnd`. Returns the token. */
export let watchToken: <T>(token: T, text: string, watcher: EndWatcher) => T

/**
 * A verified access token, in `request.token` of a guarded handler. It is frozen because requests share it.
 * Construct one in an `authenticate` of your own, or in a test.
 * @example
 * const token = new Token({ id, userId: 'ada', clientId: 'shop', scopes: ['orders:read'], expiresAt })
 * if (token.cant('orders:cancel')) return reply.code(403).send({ message: 'This token cannot cancel orders.' })
 */
export class Token {
  readonly id: string
  /** null for a machine, which acts for itself. */
  readonly userId: string | null
  readonly clientId: string
  readonly name: string | null
  readonly scopes: readonly string[]
  readonly #expiresAt: number
  readonly #granted: ReadonlySet<string>
  readonly #inherit: boolean
  readonly #onUse: OnUse | undefined
  // Freezing does not affect private fields.
  /** Whole seconds, which V8 stores in the object itself; it allocates a fractional number on the heap. */
  #reportedAt = 0
  #reported: readonly string[] | undefined
  #text = ''
  /** A cache holds the text, so it need not be compared with that of each request. */
  #isBound = false
  #watcher: EndWatcher | undefined

  static {
    bindText = (token, text) => {
      token.#text = text
      token.#isBound = true
    }
    watchToken = (token, text, watcher) => {
      if (!(token instanceof Token)) return token
      // Of a header, which would stay in memory with it.
      if (!token.#isBound && token.#text !== text) token.#text = flattenText(text)
      if (token.#watcher !== watcher) token.#watcher = watcher
      return token
    }
  }

  constructor(init: TokenInit) {
    this.id = init.id
    this.userId = init.userId
    this.clientId = init.clientId
    this.name = init.name ?? null
    const { scopes, granted } = shared(init.scopes)
    this.scopes = scopes
    this.#expiresAt = init.expiresAt.getTime()
    this.#granted = granted
    this.#inherit = init.inherit ?? false
    this.#onUse = init.onUse
    Object.freeze(this)
  }

  /** A new Date for each call, since a Date is mutable. */
  get expiresAt(): Date {
    return new Date(this.#expiresAt)
  }

  /** Whether the token has the scope. @example token.can('orders:create') */
  can(scope: ScopeName): boolean {
    return grants(this.#granted, scope, this.#inherit)
  }

  /** Whether the token lacks the scope. */
  cant(scope: ScopeName): boolean {
    return !this.can(scope)
  }

  /** Records that a check which requires these scopes accepted the token. For the guard. */
  noteUse(scopes: readonly string[]): void {
    if (!this.#onUse) return
    // A route may receive thousands of requests in a second.
    const second = wholeSecond()
    if (this.#reported === scopes && this.#reportedAt === second) return
    this.#reported = scopes
    this.#reportedAt = second
    const lacking = this.lacks(scopes)
    this.#onUse(this.id, lacking.length === 0 ? scopes : scopes.filter(scope => !lacking.includes(scope)))
  }

  /**
   * Calls the listener once, within a second, when the token has expired, was revoked or suspended, or lost a scope. For
   * connections that outlive a request, such as a WebSocket or an event stream.
   * @returns a function that removes the listener; call it when the connection ends first
   * @example
   * const stop = tokenOf(request).onEnd(() => socket.close(1008, 'The access token has ended'))
   * socket.on('close', stop)
   */
  onEnd(listener: OnEnd): () => void {
    return (this.#watcher ?? untilExpiry).watch(this, this.#text, listener)
  }

  /** Those of the given scopes that the token lacks. */
  lacks(scopes: readonly string[]): readonly string[] {
    return missing(this.#granted, scopes, this.#inherit)
  }
}

/** The maximum delay of a timer in Node. */
const MAX_TIMEOUT_MS = 2_147_483_647

/** For a token that no guard checked: it ends when it expires. */
const untilExpiry: EndWatcher = {
  watch(token, _text, onEnd) {
    let timer: NodeJS.Timeout | undefined
    const scheduleExpiry = () => {
      const remainingMs = token.expiresAt.getTime() - Date.now()
      if (remainingMs <= 0) onEnd(invalidToken('The access token has expired.'))
      else timer = setTimeout(scheduleExpiry, Math.min(remainingMs, MAX_TIMEOUT_MS)).unref()
    }
    timer = setTimeout(scheduleExpiry).unref()
    return () => clearTimeout(timer)
  },
}
