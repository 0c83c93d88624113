import { invalidToken } from './errors.ts'
import { LruCache } from './lru-cache.ts'
import type { ReservedScope } from './reserved-scopes.ts'
import { grants, missing } from './scope-set.ts'

/**
 * Give it your scopes and a misspelt one does not compile:
 * ```ts
 * declare module 'postern/guard' {
 *   interface Catalogue { scope: 'orders:read' | 'orders:create' }
 * }
 * ```
 */
// biome-ignore lint/suspicious/noEmptyInterface: it is there to be filled by declaration merging
export interface Catalogue {}

/** The scopes of your catalogue and the reserved ones, or any text where no catalogue was declared. */
export type ScopeName = Catalogue extends { scope: infer S extends string } ? S | ReservedScope : string

export interface TokenInit {
  id: string
  userId: string | null
  clientId: string
  name?: string | null
  scopes: readonly string[]
  expiresAt: Date
  /** `a` grants `a:b`. */
  inherit?: boolean
  /** Told of its use, at most once a second for the same check. */
  onUse?: OnUse | undefined
}

/** A check let a token through. @param scopes that it asked for and the token has */
export type OnUse = (id: string, scopes: readonly string[]) => void

/** Called once when a token ends. @param reason a 401 with what became of it; 503 when nobody could say for too long */
export type OnEnd = (reason: Error) => void

/** Whoever checks tokens again while somebody watches them. */
export interface EndWatcher {
  /** @returns what ends the watch */
  watch(token: Token, text: string, onEnd: OnEnd): () => void
}

/** Seconds since the epoch, as claims have them. @param now milliseconds */
export const wholeSecond = (now = Date.now()): number => Math.floor(now / 1_000)

interface ScopeSet {
  scopes: readonly string[]
  granted: ReadonlySet<string>
}

/** Thousands of tokens have the same few sets of scopes: each set is in memory once. */
const sets = new LruCache<string, ScopeSet>(2_000)

function shared(scopes: readonly string[]): ScopeSet {
  const name = scopes.join(' ')
  const made = sets.get(name)
  if (made) return made
  const set = { scopes: Object.freeze([...scopes]), granted: new Set(scopes) }
  sets.set(name, set)
  return set
}

/** Ties a token to the text that it came as and to the guard that checked it, so that it can be watched. */
export let watchToken: <T>(token: T, text: string, endings: EndWatcher) => T

/** A verified access token: what a guarded handler finds in `request.token`. Shared between requests, so frozen. */
export class Token {
  readonly id: string
  /** null: a machine acts for itself. */
  readonly userId: string | null
  readonly clientId: string
  readonly name: string | null
  readonly scopes: readonly string[]
  readonly #expiresAt: number
  readonly #granted: ReadonlySet<string>
  readonly #inherit: boolean
  readonly #onUse: OnUse | undefined
  // A frozen object's private fields can be written.
  /** A whole second stands in the object itself; a time with a fraction would stand beside it, and cost a look there. */
  #reportedAt = 0
  #reported: readonly string[] | undefined
  #text = ''
  #endings: EndWatcher | undefined

  static {
    watchToken = (token, text, endings) => {
      if (token instanceof Token && (token.#text !== text || token.#endings !== endings)) {
        token.#text = text
        token.#endings = endings
      }
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

  /** A Date of the caller's own, since a Date can be changed. */
  get expiresAt(): Date {
    return new Date(this.#expiresAt)
  }

  /** Whether the token may do this. */
  can(scope: ScopeName): boolean {
    return grants(this.#granted, scope, this.#inherit)
  }

  cant(scope: ScopeName): boolean {
    return !this.can(scope)
  }

  /** For whoever checks scopes: a check that asked for these let the token through. */
  noteUse(scopes: readonly string[]): void {
    if (!this.#onUse) return
    // A route is asked for thousands of times in a second.
    const second = wholeSecond()
    if (this.#reported === scopes && this.#reportedAt === second) return
    this.#reported = scopes
    this.#reportedAt = second
    this.#onUse(
      this.id,
      scopes.filter(scope => this.can(scope as ScopeName)),
    )
  }

  /**
   * Calls back once, within a second, when the token no longer lets its holder in: it expired, was revoked or suspended,
   * or lost a scope that it had. For what outlives a request: a WebSocket, an event stream.
   * @returns what ends the watch; call it when the stream ends first
   * @example
   * const stop = request.token.onEnd(() => socket.close(1008, 'The access token has ended'))
   * socket.on('close', stop)
   */
  onEnd(listener: OnEnd): () => void {
    return (this.#endings ?? untilExpiry).watch(this, this.#text, listener)
  }

  /** Those of the scopes that the token lacks. */
  lacks(scopes: readonly string[]): readonly string[] {
    return missing(this.#granted, scopes, this.#inherit)
  }
}

const LONGEST_TIMEOUT_MS = 2_147_483_647

/** A token that no guard checked ends when it expires, as far as anybody knows. */
const untilExpiry: EndWatcher = {
  watch(token, _text, onEnd) {
    let timer: NodeJS.Timeout | undefined
    const scheduleExpiry = () => {
      const left = token.expiresAt.getTime() - Date.now()
      if (left <= 0) onEnd(invalidToken('The access token has expired.'))
      else timer = setTimeout(scheduleExpiry, Math.min(left, LONGEST_TIMEOUT_MS)).unref()
    }
    timer = setTimeout(scheduleExpiry).unref()
    return () => clearTimeout(timer)
  },
}
