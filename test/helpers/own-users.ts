import type { ApplicationUser, ApplicationUsers } from 'postern'

/** The user table of an application, which can be away, slow or wrong. */
export interface Table extends ApplicationUsers {
  readonly rows: Map<string, ApplicationUser>
  /** How often `find` was called. */
  calls: number
  /** What `find` does in place of looking into the table; undefined: it looks. */
  instead: ((id: string) => unknown) | undefined
}

export function userTable(rows: Record<string, ApplicationUser>, more: Partial<ApplicationUsers> = {}): Table {
  const table: Table = {
    rows: new Map(Object.entries(rows)),
    calls: 0,
    instead: undefined,
    async find(id) {
      table.calls++
      return (table.instead ? table.instead(id) : table.rows.get(id)) as ApplicationUser | undefined
    },
    ...more,
  }
  return table
}
