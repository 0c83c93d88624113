/** A condition with one `?` for each of its values. */
export type Condition = [sql: string, values: unknown[]]

/** How a keyset page is ordered, and the condition for what comes after the row with an id. */
export interface Sorting {
  order: string
  /** @param id of the last row of the previous page */
  next: (id: string) => Condition
}

/** The SQL value of each column that a list can be sorted by; never null. Others, such as `created_at`, are sorted by id. */
export type SortValues = Readonly<Record<string, (alias: string) => string>>

/**
 * Sorts by a column, and by id among equal values. Ids are in the order of creation.
 * @param sort the name of a column; with `-`, in descending order
 * @param owner the rows that the reader may see. The last row of the previous page must be among them: nothing comes after
 * another one, so that a cursor tells nothing about the rows of others.
 * @example sorting('oauth_clients', 'c', '-name', { name: alias => `lower(${alias}.name)` })
 */
export function sorting(
  table: string,
  alias: string,
  sort: string,
  values: SortValues,
  owner?: (alias: string) => Condition,
): Sorting {
  const [direction, beyond] = sort.startsWith('-') ? ['desc', '<'] : ['asc', '>']
  const value = values[sort.replace('-', '')]
  if (!value) return { order: `${alias}.id ${direction}`, next: id => [`${alias}.id ${beyond} ?`, [id]] }
  return {
    order: `${value(alias)} ${direction}, ${alias}.id ${direction}`,
    next: id => {
      const [owned, owners] = owner?.('last') ?? ['true', []]
      const last = `select ${value('last')}, last.id from ${table} last where last.id = ? and ${owned}`
      return [`(${value(alias)}, ${alias}.id) ${beyond} (${last})`, [id, ...owners]]
    },
  }
}
