import type { FastifyRequest } from 'fastify'
import type { Params } from '../grants/grant.ts'
import { type PageRequest, page } from '../http/paging.ts'
import { readForm } from '../oauth/form.ts'
import { queryOf } from './authorize.ts'

/**
 * What a page is asked for in its address; read as a form is, so what is empty counts as absent.
 * @throws 400
 */
export const queryParams = (request: FastifyRequest): Params => readForm(queryOf(request))

export const idOf = ({ params }: FastifyRequest): string => (params as { id: string }).id

/** How many rows a page shows: more would make it too heavy, since it is sent uncompressed (docs/adr/0021). */
export const PER_PAGE = 10

/** A part of a list, and the addresses of what comes before and after it. */
export interface ListPage<T> {
  rows: T[]
  /** undefined: this is the beginning. */
  first: string | undefined
  /** undefined: this is the end. */
  next: string | undefined
}

/**
 * @param path of the page as browsers know it
 * @param query what it was asked for; all of it is kept from page to page
 * @throws 422 when the cursor is not one of ours
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
