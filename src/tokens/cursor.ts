import { validate as isUuid } from 'uuid'
import { invalid } from '../errors.ts'

/** Where a page ended: the last id, in a form that invites nobody to read it. */
export const toCursor = (id: string) => Buffer.from(id.replaceAll('-', ''), 'hex').toString('base64url')

/** @throws 422 when it is not a cursor that `toCursor` made */
export function fromCursor(text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  const hex = Buffer.from(text, 'base64url').toString('hex')
  const id = hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
  if (isUuid(id)) return id
  throw invalid({ path: 'cursor', message: 'must be the next_cursor of a page before' })
}
