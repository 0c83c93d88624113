import { WILDCARD } from '../../packages/guard/src/scope-set.ts'
import type { Params } from '../grants/grant.ts'
import { isForRole } from '../scopes/admin.ts'
import type { Catalogue, Scope } from '../scopes/catalogue.ts'
import { RESERVED } from '../scopes/reserved.ts'
import type { Role } from '../users/user.entity.ts'

/** A checkbox for a scope. */
export interface ScopeBox {
  id: string
  /** Of its field in the form. */
  name: string
  description: string
  checked: boolean
  /** Not ticked, but granted by one that is, by inheritance. */
  included: boolean
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
  /** Scopes that are held and have no box: they stay unless their removal is ticked. */
  kept: RemovedScopeBox[]
}

/** A scope that has left the catalogue, or is for administrators only and held by somebody who no longer is one. */
export interface RemovedScopeBox {
  id: string
  /** Of the field that removes it. */
  name: string
}

/** Each box is a field of its own, since a form here holds no field twice. */
const FIELD = 'scope.'
const REMOVE = 'remove.'

export const scopeField = (id: string) => FIELD + id

/** The scopes that were ticked, in the order of the form. */
export function chosenScopes(fields: Params): string[] {
  return Object.keys(fields)
    .filter(name => name.startsWith(FIELD))
    .map(name => name.slice(FIELD.length))
}

/**
 * The scopes that whatever is changed is to have: those that were ticked, and of the scopes that it holds and the form
 * has no box for those whose removal was not ticked.
 */
export function changedScopes(fields: Params, choice: ScopeChoice): string[] {
  const keptIds = choice.kept.filter(({ name }) => fields[name] === undefined).map(({ id }) => id)
  return [...new Set([...chosenScopes(fields), ...keptIds])]
}

export interface ScopeChoiceOptions {
  /** Ids of the ticked ones. */
  checked: readonly string[]
  /** `admin:*` is shown to administrators only. */
  role: Role
  /** What is said of `*`. */
  wildcard: string
  /** Scopes of whatever is changed; omitted: it is new. */
  existing?: readonly string[]
}

export function scopeChoice(
  catalogue: Catalogue,
  { checked, role, wildcard, existing = [] }: ScopeChoiceOptions,
): ScopeChoice {
  // `*` says itself that it grants everything.
  const narrow = checked.filter(id => id !== WILDCARD)
  const box = ({ id, description }: Pick<Scope, 'id' | 'description'>): ScopeBox => ({
    id,
    name: scopeField(id),
    description,
    checked: checked.includes(id),
    included: catalogue.inherit && !checked.includes(id) && catalogue.covers(narrow, id),
  })
  const offered = RESERVED.filter(({ id }) => isForRole(id, role))
  const all = { id: WILDCARD, description: wildcard }
  const removedScopes = existing.filter(id => !hasBox(catalogue, role, id)).map(id => ({ id, name: REMOVE + id }))
  return { groups: grouped(catalogue, box), reserved: [...offered, all].map(box), kept: removedScopes }
}

const hasBox = (catalogue: Catalogue, role: Role, id: string) =>
  id === WILDCARD || (catalogue.has(id) && isForRole(id, role))

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
