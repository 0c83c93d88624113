import type { Params } from '../../grants/grant.ts'
import type { Sort } from '../../tokens/list.ts'

/** A column of the list, whose heading is a link that sorts by it, or the other way round. */
export interface SortColumn {
  /** Of its text. */
  name: 'name' | 'scopes' | 'created' | 'used' | 'expires'
  href: string
  /** The order that the link leads to. */
  sort: Sort
  /** For `aria-sort`; undefined: the list is not sorted by it. */
  sorted: 'ascending' | 'descending' | undefined
}

/** Each column with the order that is the first by it. */
const COLUMNS: readonly [name: SortColumn['name'], first: Sort][] = [
  ['name', 'name'],
  ['scopes', '-scopes'],
  ['created', '-created_at'],
  ['used', '-last_used_at'],
  ['expires', 'expires_at'],
]

/** The columns in order. @param query of the list, which their links keep */
export const sortColumns = (path: string, query: Params, current: Sort): SortColumn[] =>
  COLUMNS.map(([name, first]) => {
    const isSorted = current.replace('-', '') === first.replace('-', '')
    const sort = current === first ? opposite(first) : first
    const sorted = current.startsWith('-') ? 'descending' : 'ascending'
    const href = `${path}?${new URLSearchParams({ ...(query as Record<string, string>), sort })}`
    return { name, href, sort, sorted: isSorted ? sorted : undefined }
  })

const opposite = (sort: Sort): Sort => (sort.startsWith('-') ? sort.slice(1) : `-${sort}`) as Sort
