import type { ReservedScope } from '../scopes/catalogue.ts'
import { grants, missing } from '../scopes/set.ts'

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

  constructor(init: TokenInit) {
    this.id = init.id
    this.userId = init.userId
    this.clientId = init.clientId
    this.name = init.name ?? null
    this.scopes = Object.freeze([...init.scopes])
    this.#expiresAt = init.expiresAt.getTime()
    this.#granted = new Set(init.scopes)
    this.#inherit = init.inherit ?? false
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

  /** Those of the scopes that the token lacks. */
  lacks(scopes: readonly string[]): string[] {
    return missing(this.#granted, scopes, this.#inherit)
  }
}
