import type { Params } from '../grants/grant.ts'
import { type Catalogue, RESERVED, type Scope } from '../scopes/catalogue.ts'
import { WILDCARD } from '../scopes/set.ts'
import type { Role } from '../users/user.entity.ts'

/** A checkbox for a scope. */
export interface ScopeBox {
  id: string
  /** Of its field in the form. */
  name: string
  description: string
  checked: boolean
}

/** Scopes that begin with the same word. */
export interface ScopeGroup {
  word: string
  boxes: ScopeBox[]
}

/** What may be chosen: the deployment's scopes in groups, and apart from them the reserved ones. */
export interface ScopeChoice {
  groups: ScopeGroup[]
  reserved: ScopeBox[]
}

/** Each box is a field of its own, since a form here holds no field twice. */
const FIELD = 'scope.'

export const scopeField = (id: string) => FIELD + id

/** The scopes that were ticked, in the order of the form. */
export function chosenScopes(fields: Params): string[] {
  return Object.keys(fields)
    .filter(name => name.startsWith(FIELD))
    .map(name => name.slice(FIELD.length))
}

export interface ScopeChoiceOptions {
  /** Ids of the ticked ones. */
  checked: readonly string[]
  /** `admin:*` is shown to administrators only. */
  role: Role
  /** What is said of `*`. */
  wildcard: string
}

export function scopeChoice(catalogue: Catalogue, { checked, role, wildcard }: ScopeChoiceOptions): ScopeChoice {
  const box = ({ id, description }: Pick<Scope, 'id' | 'description'>): ScopeBox => ({
    id,
    name: scopeField(id),
    description,
    checked: checked.includes(id),
  })
  const offered = RESERVED.filter(({ id }) => role === 'admin' || !id.startsWith('admin:'))
  const all = { id: WILDCARD, description: wildcard }
  return { groups: grouped(catalogue, box), reserved: [...offered, all].map(box) }
}

function grouped(catalogue: Catalogue, box: (scope: Scope) => ScopeBox): ScopeGroup[] {
  const reserved = new Set<string>(RESERVED.map(({ id }) => id))
  const words = new Map<string, ScopeBox[]>()
  for (const scope of catalogue.scopes) {
    if (reserved.has(scope.id)) continue
    const word = scope.id.split(':', 1)[0] as string
    words.set(word, [...(words.get(word) ?? []), box(scope)])
  }
  return [...words].map(([word, boxes]) => ({ word, boxes }))
}
