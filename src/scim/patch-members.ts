import type { Operation } from './patch-multiple.ts'
import { type Resource, readValue } from './values.ts'

/** The addition or removal of members by their ids. */
interface MemberChange {
  op: 'add' | 'remove'
  ids: readonly string[]
}

/**
 * Reads an operation that adds or removes members by their ids, as directories send it by the hundred for large groups: with the
 * members as its value, or with the filter `value eq "…"`.
 * @returns undefined for any other operation
 */
export function readMemberChange({ op, target, value }: Operation): MemberChange | undefined {
  const { attribute, filter, sub, extension } = target
  if (attribute.name !== 'members' || extension !== undefined || sub || op === 'replace') return undefined
  if (filter) {
    const template = filter.template as Resource | undefined
    const isById = op === 'remove' && hasOnlyId(template) && filter.matches(template)
    return isById ? { op, ids: [template.value] } : undefined
  }
  const given = readValue(attribute, value) as unknown[] | undefined
  return given?.every(hasOnlyId) ? { op, ids: given.map(({ value }) => value) } : undefined
}

/** Applies changes one after another. Each costs as much as it names, however many members there are. */
export function changeMembers(before: readonly Resource[], changes: readonly MemberChange[]): Resource[] {
  const members = new Map(before.map(one => [keyOf(one.value as string), one]))
  for (const { op, ids } of changes) {
    for (const id of ids) {
      if (op === 'add') members.set(keyOf(id), { value: id })
      else members.delete(keyOf(id))
    }
  }
  return [...members.values()]
}

const keyOf = (id: string): string => id.toLowerCase()

const hasOnlyId = (one: unknown): one is { value: string } =>
  typeof (one as Resource | undefined)?.value === 'string' && Object.keys(one as Resource).length === 1
