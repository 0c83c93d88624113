/** Grants everything but the reserved `admin:*`. */
export const WILDCARD = '*'

/** Whether a scope belongs to the administration: granted by name only, and to administrators (`admin.ts`). */
export const isAdminScope = (id: string): boolean => id.startsWith('admin:')

const NONE: readonly string[] = Object.freeze([])

/**
 * Whether the granted scopes cover one that is needed. Pure: the same in the server, in a guard far away and in a test.
 * @param inherit with it `a` grants `a:b` and `a:b:c`, never the reverse; `admin:*` is never had by inheritance
 */
export function grants(granted: ReadonlySet<string>, wanted: string, inherit = false): boolean {
  if (granted.has(wanted)) return true
  if (isAdminScope(wanted)) return false
  if (granted.has(WILDCARD)) return true
  return inherit && ancestors(wanted).some(a => granted.has(a))
}

/** Those of `wanted` that `granted` does not cover, in their order. */
export function missing(granted: ReadonlySet<string>, wanted: readonly string[], inherit = false): readonly string[] {
  // Nothing is missing nearly every time it is asked, and it is asked on every request.
  for (const scope of wanted) {
    if (!grants(granted, scope, inherit)) return wanted.filter(each => !grants(granted, each, inherit))
  }
  return NONE
}

/** What two sets of scopes both cover. */
export function common(one: readonly string[], other: readonly string[], inherit = false): string[] {
  const [a, b] = [new Set(one), new Set(other)]
  const both = [...one.filter(scope => grants(b, scope, inherit)), ...other.filter(scope => grants(a, scope, inherit))]
  return [...new Set(both)]
}

function ancestors(scope: string): string[] {
  const words = scope.split(':')
  return words.slice(1).map((_, i) => words.slice(0, i + 1).join(':'))
}
