import type { ReservedScope } from '../scopes/catalogue.ts'
import { grants, missing } from '../scopes/set.ts'
import { Recent } from './recent.ts'

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

/** Seconds since the epoch, as claims have them. @param now milliseconds */
export const wholeSecond = (now = Date.now()): number => Math.floor(now / 1_000)

interface ScopeSet {
  scopes: readonly string[]
  granted: ReadonlySet<string>
}

/** Thousands of tokens have the same few sets of scopes: each set is in memory once. */
const sets = new Recent<string, ScopeSet>(2_000)

function shared(scopes: readonly string[]): ScopeSet {
  const name = scopes.join(' ')
  const made = sets.get(name)
  if (made) return made
  const set = { scopes: Object.freeze([...scopes]), granted: new Set(scopes) }
  sets.set(name, set)
  return set
}

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
  #toldIn = 0
  #told: readonly string[] | undefined

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
    if (this.#told === scopes && this.#toldIn === second) return
    this.#told = scopes
    this.#toldIn = second
    this.#onUse(
      this.id,
      scopes.filter(scope => this.can(scope as ScopeName)),
    )
  }

  /** Those of the scopes that the token lacks. */
  lacks(scopes: readonly string[]): readonly string[] {
    return missing(this.#granted, scopes, this.#inherit)
  }
}
