import type { FastifyRequest } from 'fastify'
import type { Params } from '../grants/grant.ts'
import { type PageRequest, page } from '../http/paging.ts'
import { readPageForm } from '../oauth/form.ts'
import { queryOf } from './authorize.ts'

/**
 * The query of a page. Empty values count as absent, as in forms.
 * @throws 400
 */
export const queryParams = (request: FastifyRequest): Params => readPageForm(queryOf(request))

export const idOf = ({ params }: FastifyRequest): string => (params as { id: string }).id

/** Rows per page. Pages are uncompressed, so more rows would make them too large (docs/adr/0021). */
export const PER_PAGE = 10

/** One page of a list, with the URLs of the first and the next page. */
export interface ListPage<T> {
  rows: T[]
  /** undefined: this is the first page. */
  first: string | undefined
  /** undefined: this is the last page. */
  next: string | undefined
}

/**
 * @param path of the page as browsers know it
 * @param query its query, which the links to other pages keep
 * @throws 422 for an invalid cursor
 */
export async function listPage<Row extends { id: string }, T>(
  path: string,
  { cursor, ...query }: Params,
  fetch: (pageRequest: PageRequest) => Promise<Row[]>,
  show: (row: Row) => T,
): Promise<ListPage<T>> {
  const { data, meta } = await page({ limit: PER_PAGE, ...(cursor !== undefined && { cursor }) }, fetch, show)
  const at = (more: Params) => `${path}?${new URLSearchParams({ ...query, ...more } as Record<string, string>)}`
  return {
    rows: data,
    first: cursor === undefined ? undefined : at({}),
    next: meta.next_cursor === null ? undefined : at({ cursor: meta.next_cursor }),
  }
}
