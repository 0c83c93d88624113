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
  /** Not checked, but inherited from a checked scope. */
  included: boolean
}

/** Scopes with the same first segment. */
export interface ScopeGroup {
  word: string
  boxes: ScopeBox[]
}

/** The scopes of a form: those of the deployment in groups, and the reserved ones. */
export interface ScopeChoice {
  groups: ScopeGroup[]
  reserved: ScopeBox[]
  /** Scopes of the token without a checkbox. They stay unless their removal is checked. */
  kept: RemovedScopeBox[]
}

/** A scope that is no longer in the catalogue, or an administrative scope of a user who is no longer an administrator. */
export interface RemovedScopeBox {
  id: string
  /** Of the field that removes it. */
  name: string
}

/** Each checkbox has a field name of its own, because forms must not repeat a field. */
const FIELD = 'scope.'
const REMOVE = 'remove.'

export const scopeField = (id: string) => FIELD + id

/** The checked scopes, in the order of the form. */
export function chosenScopes(fields: Params): string[] {
  return Object.keys(fields)
    .filter(name => name.startsWith(FIELD))
    .map(name => name.slice(FIELD.length))
}

/**
 * The new scopes of a token: the checked ones, and those without a checkbox whose removal is not checked.
 */
export function changedScopes(fields: Params, choice: ScopeChoice): string[] {
  const keptIds = choice.kept.filter(({ name }) => fields[name] === undefined).map(({ id }) => id)
  return [...new Set([...chosenScopes(fields), ...keptIds])]
}

export interface ScopeChoiceOptions {
  /** Ids of the checked scopes. */
  checked: readonly string[]
  /** `admin:*` is shown to administrators only. */
  role: Role
  /** Description of `*`. */
  wildcard: string
  /** Scopes of the existing token; omitted for a new one. */
  existing?: readonly string[]
}

export function scopeChoice(
  catalogue: Catalogue,
  { checked, role, wildcard, existing = [] }: ScopeChoiceOptions,
): ScopeChoice {
  // `*` includes everything by its description, so it marks no other scope as included.
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
