import { scimError } from './errors.ts'
import type { ResourceFilter } from './filter.ts'
import type { Projection } from './projection.ts'
import type { Resource } from './values.ts'

export const LIST_SCHEMA = 'urn:ietf:params:scim:api:messages:2.0:ListResponse'
/** Maximum results of a page. */
export const MAX_RESULTS = 200
const DEFAULT_RESULTS = 100
/** Maximum resources that a filter is compared with, after those that an index excludes. */
const MAX_COMPARED = 20_000
const BATCH = 1_000

/** A page of the results of a query (RFC 7644 §3.4.2.4). */
export interface Page {
  /** From 1. */
  startIndex: number
  count: number
}

/** Where resources are read from, in the order of their ids. */
export interface Source {
  count(): Promise<number>
  /**
   * @param required values that attributes have, which may narrow down the results
   * @param has whether an attribute is needed
   */
  read(
    position: { after?: string | undefined; offset?: number; limit: number },
    required: ReadonlyMap<string, string>,
    has: (name: string) => boolean,
  ): Promise<Resource[]>
}

/** Reads `startIndex` and `count`. Values out of range count as the nearest one in it. @throws 400 `invalidValue` */
export function readPage(startIndex: unknown, count: unknown): Page {
  return {
    startIndex: Math.max(1, integer('startIndex', startIndex, 1)),
    count: Math.min(MAX_RESULTS, Math.max(0, integer('count', count, DEFAULT_RESULTS))),
  }
}

function integer(name: string, value: unknown, fallback: number): number {
  if (value === undefined || value === null) return fallback
  const number = typeof value === 'string' && /^[+-]?\d{1,10}$/.test(value) ? Number(value) : value
  if (typeof number === 'number' && Number.isSafeInteger(number)) return number
  throw scimError('invalidValue', `${name} must be a whole number.`)
}

export interface Query extends Page {
  filter: ResourceFilter | undefined
  projection: Projection
}

/**
 * The response to a query (RFC 7644 §3.4.2).
 * @throws 400 `tooMany` for a filter that would have to be compared with too many resources
 */
export async function listResources(
  source: Source,
  { filter, startIndex, count, projection }: Query,
): Promise<Resource> {
  const { total, found } = filter
    ? await findMatching(source, filter, { startIndex, count }, projection)
    : { total: await source.count(), found: await readFrom(source, { startIndex, count }, projection) }
  return {
    schemas: [LIST_SCHEMA],
    totalResults: total,
    startIndex,
    itemsPerPage: found.length,
    Resources: found.map(projection.project),
  }
}

const readFrom = async (source: Source, { startIndex, count }: Page, { has }: Projection): Promise<Resource[]> =>
  count === 0 ? [] : source.read({ offset: startIndex - 1, limit: count }, new Map(), has)

async function findMatching(source: Source, filter: ResourceFilter, { startIndex, count }: Page, { has }: Projection) {
  const needs = (name: string) => has(name) || filter.attributes.has(name)
  const found: Resource[] = []
  let [total, compared] = [0, 0]
  for (let after: string | undefined; ; ) {
    const batch = await source.read({ after, limit: BATCH }, filter.required, needs)
    for (const resource of batch) {
      if (!filter.matches(resource)) continue
      total++
      if (total >= startIndex && found.length < count) found.push(resource)
    }
    compared += batch.length
    if (batch.length < BATCH) return { total, found }
    if (compared >= MAX_COMPARED)
      throw scimError('tooMany', 'The filter has to be compared with too many resources. Use eq.')
    after = batch.at(-1)?.id as string
  }
}
