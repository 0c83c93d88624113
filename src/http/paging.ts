import { type TSchema, Type } from 'typebox'
import { invalid } from '../errors/errors.ts'
import { isUuid } from '../text/uuid.ts'
import { Named, Nullable } from './schemas.ts'

/** The query parameters of every list. */
export const paging = {
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 100, default: 25 })),
  cursor: Type.Optional(Type.String({ maxLength: 64, description: '`meta.next_cursor` of the previous page' })),
}

/** The query parameter that searches a list. @param parts what is searched */
export const searchFor = (parts: string) =>
  Type.Optional(Type.String({ minLength: 1, maxLength: 128, description: `Part of ${parts}, in any case` }))

/** The query parameter that sorts a list. */
export const sortBy = <T extends string>(sorts: readonly T[], standard: T) =>
  Type.Optional(Type.Enum([...sorts], { default: standard, description: 'With `-`, in descending order' }))

/** A page of a list; named after its items. */
export const PageOf = <T extends TSchema>(item: T) =>
  named(
    item,
    Type.Object({
      data: Type.Array(item),
      meta: Type.Object({
        limit: Type.Integer({ examples: [25] }),
        next_cursor: Nullable(Type.String({ description: 'null on the last page' })),
      }),
    }),
  )

const named = <T extends TSchema>(item: TSchema & { title?: string }, page: T): T =>
  item.title === undefined ? page : Named(`${item.title}Page`, page)

export interface PageQuery {
  limit?: number
  cursor?: string
}

/** A request for rows. Its `limit` is one more than the page size, to find out whether there is a next page. */
export interface PageRequest {
  limit: number
  after: string | undefined
}

/**
 * Fetches a page and the cursor of the next one.
 * @throws 422 when the cursor is invalid
 */
export async function page<Row extends { id: string }, T>(
  { limit = 25, cursor }: PageQuery,
  fetch: (pageRequest: PageRequest) => Promise<Row[]>,
  show: (row: Row) => T,
): Promise<{ data: T[]; meta: { limit: number; next_cursor: string | null } }> {
  const rows = await fetch({ limit: limit + 1, after: fromCursor(cursor) })
  const shown = rows.slice(0, limit)
  const last = rows.length > limit ? shown.at(-1) : undefined
  return { data: shown.map(show), meta: { limit, next_cursor: last ? toCursor(last.id) : null } }
}

/** The cursor of a page: the id of its last row, encoded so that clients treat it as opaque. */
const toCursor = (id: string) => Buffer.from(id.replaceAll('-', ''), 'hex').toString('base64url')

function fromCursor(text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  const hex = Buffer.from(text, 'base64url').toString('hex')
  const id = hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
  if (isUuid(id)) return id
  throw invalid({ path: 'cursor', message: 'must be the next_cursor of a previous page' })
}
