/** Grants every scope except the reserved `admin:*`. */
export const WILDCARD = '*'

/** Whether a scope is administrative: granted by name only, and to administrators only. */
export const isAdminScope = (id: string): boolean => id.startsWith('admin:')

/** Begins the scopes of imported tokens that the catalogue does not define. */
export const LEGACY_PREFIX = 'legacy:'

const NONE: readonly string[] = Object.freeze([])

/**
 * Whether the granted scopes include a required one. A pure function: server, guards and tests share it.
 * @param inherit whether `a` grants `a:b` and `a:b:c`, never the reverse; `admin:*` and `legacy:*` are never inherited
 */
export function grants(granted: ReadonlySet<string>, required: string, inherit = false): boolean {
  if (granted.has(required)) return true
  if (isAdminScope(required)) return false
  if (granted.has(WILDCARD)) return true
  // The system that a legacy scope comes from had no hierarchy.
  if (required.startsWith(LEGACY_PREFIX)) return false
  return inherit && ancestors(required).some(a => granted.has(a))
}

/** The required scopes that `granted` does not include, in their order. */
export function missing(granted: ReadonlySet<string>, required: readonly string[], inherit = false): readonly string[] {
  // The fast path of every request: nothing is missing, and nothing is allocated.
  for (const scope of required) {
    if (!grants(granted, scope, inherit)) return required.filter(each => !grants(granted, each, inherit))
  }
  return NONE
}

/** The scopes that both sets grant. */
export function common(one: readonly string[], other: readonly string[], inherit = false): string[] {
  const [a, b] = [new Set(one), new Set(other)]
  const both = [...one.filter(scope => grants(b, scope, inherit)), ...other.filter(scope => grants(a, scope, inherit))]
  return [...new Set(both)]
}

function ancestors(scope: string): string[] {
  const words = scope.split(':')
  return words.slice(1).map((_, i) => words.slice(0, i + 1).join(':'))
}
