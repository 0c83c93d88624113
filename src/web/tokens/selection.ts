import type { Params } from '../../grants/grant.ts'
import { isUuid } from '../../text/uuid.ts'
import { PER_PAGE } from '../query.ts'

/** Each token has a field of its own, because forms must not repeat a field. */
const FIELD = 'token.'

/** The name of the checkbox that selects a token. */
export const fieldOf = (id: string): string => FIELD + id

/** The ids of the selected tokens, no more than a page of the list shows. */
export const selectedIds = (fields: Params): string[] =>
  Object.keys(fields)
    .filter(name => name.startsWith(FIELD))
    .map(name => name.slice(FIELD.length).toLowerCase())
    .filter(isUuid)
    .slice(0, PER_PAGE)
