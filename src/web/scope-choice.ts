import { isAdminScope, WILDCARD } from '../../packages/guard/src/scope-set.ts'
import type { Params } from '../grants/grant.ts'
import { isForRole } from '../scopes/admin.ts'
import type { Catalogue, Scope } from '../scopes/catalogue.ts'
import { RESERVED } from '../scopes/reserved.ts'
import type { Role } from '../users/user.entity.ts'
import { describeScope } from './scope-description.ts'

/** A checkbox for a scope. */
export interface ScopeBox {
  id: string
  /** Of its field in the form. */
  name: string
  description: string
  checked: boolean
  /** Not checked, but inherited from this checked scope. */
  includedIn: string | undefined
}

/** Scopes with the same first segment. */
export interface ScopeGroup {
  name: string
  boxes: ScopeBox[]
}

/** The scopes of a form: those of the deployment in groups, and the reserved ones. */
export interface ScopeChoice {
  groups: ScopeGroup[]
  /** Whether `a` includes `a:b`. */
  inherit: boolean
  reserved: ScopeBox[]
  /** Scopes of the token without a checkbox. They stay unless their removal is checked. */
  unavailable: RemovedScopeBox[]
}

/** A scope that is no longer in the catalogue, or an administrative scope of a user who is no longer an administrator. */
export interface RemovedScopeBox {
  id: string
  /** Of the field that removes it. */
  name: string
  /** Whether it is to be removed. */
  checked: boolean
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

/** Whether a form gives an administrative scope to an app. */
export const approvesAdminScope = (fields: Params): boolean =>
  fields.decision === 'approve' && chosenScopes(fields).some(isAdminScope)

/**
 * The new scopes of a token: the checked ones, and those without a checkbox whose removal is not checked.
 */
export function changedScopes(fields: Params, choice: ScopeChoice): string[] {
  const remaining = choice.unavailable.filter(({ name }) => fields[name] === undefined).map(({ id }) => id)
  return [...new Set([...chosenScopes(fields), ...remaining])]
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
  /** Whether the owner may have a scope. Default: those of the role. */
  allows?: (id: string) => boolean
}

export function scopeChoice(
  catalogue: Catalogue,
  { checked, role, wildcard, existing = [], allows = () => true }: ScopeChoiceOptions,
): ScopeChoice {
  // `*` includes everything by its description, so it marks no other scope as included.
  const narrow = checked.filter(id => id !== WILDCARD)
  const box = ({ id, description }: Pick<Scope, 'id' | 'description'>): ScopeBox => ({
    id,
    name: scopeField(id),
    description: describeScope({ id, description }),
    checked: checked.includes(id),
    includedIn:
      catalogue.inherit && !checked.includes(id) ? narrow.find(scope => catalogue.covers([scope], id)) : undefined,
  })
  const offered = [...RESERVED, { id: WILDCARD, description: wildcard }].filter(
    ({ id }) => isForRole(id, role) && allows(id),
  )
  const hasBox = (id: string) => (id === WILDCARD || (catalogue.has(id) && isForRole(id, role))) && allows(id)
  const removedScopes = existing
    .filter(id => !hasBox(id))
    .map(id => ({ id, name: REMOVE + id, checked: !checked.includes(id) }))
  return {
    groups: grouped(
      catalogue.scopes.filter(({ id }) => allows(id)),
      box,
    ),
    reserved: offered.map(box),
    inherit: catalogue.inherit,
    unavailable: removedScopes,
  }
}

function grouped(scopes: readonly Scope[], box: (scope: Scope) => ScopeBox): ScopeGroup[] {
  const reserved = new Set<string>(RESERVED.map(({ id }) => id))
  const groups = new Map<string, ScopeBox[]>()
  for (const scope of scopes) {
    if (reserved.has(scope.id)) continue
    const name = scope.id.split(':', 1)[0] as string
    groups.set(name, [...(groups.get(name) ?? []), box(scope)])
  }
  return [...groups].map(([name, boxes]) => ({ name, boxes }))
}
