import type { Params } from '../grants/grant.ts'

/** A column of a list, whose heading is a link that sorts by it, or the other way round. */
export interface SortColumn<Name extends string, Sort extends string> {
  /** Of its text. */
  name: Name
  href: string
  /** The order that the link leads to. */
  sort: Sort
  /** For `aria-sort`; undefined: the list is not sorted by it. */
  sorted: 'ascending' | 'descending' | undefined
}

/**
 * The columns in order.
 * @param query of the list, which their links keep
 * @param columns each with the order that is the first by it
 */
export const sortColumns = <Name extends string, Sort extends string>(
  path: string,
  query: Params,
  current: Sort,
  columns: readonly (readonly [name: Name, first: Sort])[],
): SortColumn<Name, Sort>[] =>
  columns.map(([name, first]) => {
    const isSorted = current.replace('-', '') === first.replace('-', '')
    const sort = current === first ? opposite(first) : first
    const sorted = current.startsWith('-') ? 'descending' : 'ascending'
    const href = `${path}?${new URLSearchParams({ ...(query as Record<string, string>), sort })}`
    return { name, href, sort, sorted: isSorted ? sorted : undefined }
  })

const opposite = <Sort extends string>(sort: Sort) => (sort.startsWith('-') ? sort.slice(1) : `-${sort}`) as Sort
