import type { Attribute } from './attributes.ts'
import { scimError } from './errors.ts'
import type { ValueFilter } from './filter.ts'
import type { PatchTarget } from './patch-path.ts'
import { onePrimary, type Resource, readOne, readValue } from './values.ts'

export type Operator = 'add' | 'replace' | 'remove'

/** One change of one attribute. */
export interface Operation {
  op: Operator
  target: PatchTarget
  value: unknown
}

export interface MultipleChange {
  op: Operator
  attribute: Attribute
  filter: ValueFilter | undefined
  sub: Attribute | undefined
  before: unknown[]
  value: unknown
}

/** Changes a multi-valued attribute. @returns undefined if no value is left */
export function changeMultiple(change: MultipleChange): unknown[] | undefined {
  const after = change.filter || change.sub ? changeMatching(change) : changeAll(change)
  return after.length > 0 ? after : undefined
}

function changeAll({ op, attribute, before, value }: MultipleChange): unknown[] {
  const given = (readValue(attribute, value) ?? []) as unknown[]
  if (op === 'replace') return distinct(given)
  if (op === 'add') return withPrimaryOf(given, distinct([...before, ...given]))
  if (value === undefined || value === null) return []
  // Entra ID names the values to remove in place of a filter.
  const removed = new Set(given.map(identity))
  return before.filter(one => !removed.has(identity(one)) && !removed.has(identity({ value: (one as Resource).value })))
}

/** Changes the values that match the filter; without a filter, all of them. */
function changeMatching(change: MultipleChange): unknown[] {
  const { op, attribute, filter, sub, before, value } = change
  const matches = (one: unknown) => filter?.matches(one as Resource) ?? true
  if (op === 'remove') {
    if (!sub) return before.filter(one => !matches(one))
    return before.map(one => (matches(one) ? without(one as Resource, sub.name) : one)).filter(hasFields)
  }
  const fields = sub ? { [sub.name]: readValue(sub, value) } : (readOne(attribute, value) as Resource)
  if (!before.some(matches)) return withPrimaryOf([fields], [...before, newValue(change, fields)])
  const after = before.map(one => (matches(one) ? clean({ ...(one as Resource), ...fields }) : one))
  if (fields?.primary !== true) return after.filter(hasFields)
  // The value that becomes the primary one replaces another, wherever that is in the list.
  const chosen = before.findIndex(matches)
  return after.map((one, i) =>
    i !== chosen && (one as Resource).primary === true ? { ...(one as Resource), primary: false } : one,
  )
}

/**
 * A new value from the filter and the value: `emails[type eq "work"].value` of a user without an address for work.
 * @throws 400 `noTarget` if the filter does not say what the new value is
 */
function newValue({ attribute, filter }: MultipleChange, fields: Resource): unknown {
  if (filter && !filter.template) throw scimError('noTarget', `No value of ${attribute.name} matches the filter.`)
  return clean({ ...(readOne(attribute, { ...filter?.template }) as Resource), ...fields })
}

/** If one of the new values is the primary one, no other is. */
function withPrimaryOf(given: unknown[], values: unknown[]): unknown[] {
  const hasPrimary = given.some(one => (one as Resource)?.primary === true)
  return hasPrimary ? onePrimary(values) : values
}

/** Values are the same if `value` and `type` are, without regard to case; of the same ones the last counts. */
function distinct(values: unknown[]): unknown[] {
  const unique = new Map<string, unknown>()
  for (const value of values) unique.set(identity(value), value)
  return [...unique.values()]
}

function identity(one: unknown): string {
  const { value, type, ...rest } = one as Resource
  if (value === undefined) return JSON.stringify([type, rest])
  return JSON.stringify([value, type]).toLowerCase()
}

const without = (value: Resource, name: string): Resource => clean({ ...value, [name]: undefined })
const clean = (value: Resource): Resource =>
  Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined))
const hasFields = (value: unknown) => Object.keys(value as object).length > 0
