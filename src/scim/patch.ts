import { findExtension } from './attribute-path.ts'
import type { ResourceType } from './attributes.ts'
import { scimError } from './errors.ts'
import { changeMembers, readMemberChange } from './patch-members.ts'
import { changeMultiple, type Operation, type Operator } from './patch-multiple.ts'
import { type PatchTarget, parsePath } from './patch-path.ts'
import { type Resource, readOne, readValue } from './values.ts'

export const PATCH_SCHEMA = 'urn:ietf:params:scim:api:messages:2.0:PatchOp'
const MAX_OPERATIONS = 200
/** Maximum values that the operations of a request go through together, except additions and removals of members by id. */
const MAX_WORK = 200_000

/**
 * Applies a PATCH request (RFC 7644 §3.5.2) to a copy of a resource, all operations or none. It accepts what Entra ID and Okta
 * send: `op` in any case, booleans as texts, operations without a path whose value has paths as names, a text in place of a
 * complex value, and `remove` with the values to remove.
 * @param body the request; keys in any case
 * @throws 400 `invalidSyntax`, `invalidPath`, `invalidValue`, `noTarget`, `mutability` or `tooMany`
 */
export function applyPatch(type: ResourceType, resource: Resource, body: unknown): Resource {
  const patched = structuredClone(resource)
  applyAll(patched, readOperations(type, body))
  const missing = type.attributes.find(({ name, required }) => required && patched[name] === undefined)
  if (missing) throw scimError('mutability', `${missing.name} is required and cannot be removed.`)
  return patched
}

/** Consecutive additions and removals of members by id go through a large group once. @throws 400 */
function applyAll(resource: Resource, operations: readonly Operation[]): void {
  let work = 0
  for (let i = 0; i < operations.length; ) {
    const changes = memberChanges(operations, i)
    const operation = operations[i] as Operation
    const before = resource[operation.target.attribute.name]
    const size = Array.isArray(before) ? before.length : 0
    if (work > 0 && work + size > MAX_WORK)
      throw scimError('tooMany', `There are too many operations on ${size} values. Send fewer in one request.`)
    work += size
    if (changes.length === 0) apply(resource, operation)
    else setMembers(resource, changeMembers((before ?? []) as Resource[], changes))
    i += Math.max(1, changes.length)
  }
}

function memberChanges(operations: readonly Operation[], from: number) {
  const changes = []
  for (let i = from; i < operations.length; i++) {
    const change = readMemberChange(operations[i] as Operation)
    if (!change) break
    changes.push(change)
  }
  return changes
}

function setMembers(resource: Resource, members: Resource[]): void {
  if (members.length > 0) resource.members = members
  else delete resource.members
}

function readOperations(type: ResourceType, body: unknown): Operation[] {
  const operations = fieldOf(body, 'operations')
  if (!Array.isArray(operations) || operations.length === 0) throw scimError('invalidSyntax', 'Operations is missing.')
  if (operations.length > MAX_OPERATIONS)
    throw scimError('tooMany', `There are more than ${MAX_OPERATIONS} operations.`)
  const changes = operations.flatMap(operation => readOperation(type, operation))
  // The names of a value without a path are operations too.
  if (changes.length > 10 * MAX_OPERATIONS) throw scimError('tooMany', 'There are too many operations.')
  return changes
}

function readOperation(type: ResourceType, operation: unknown): Operation[] {
  const op = String(fieldOf(operation, 'op')).toLowerCase()
  if (op !== 'add' && op !== 'replace' && op !== 'remove')
    throw scimError('invalidSyntax', 'op must be add, replace or remove.')
  const [path, value] = [fieldOf(operation, 'path'), fieldOf(operation, 'value')]
  if (path !== undefined && path !== null && typeof path !== 'string')
    throw scimError('invalidPath', 'path must be a text.')
  if (path) return withPath(type, op, path, value)
  if (op === 'remove') throw scimError('noTarget', 'A removal needs a path.')
  return withoutPath(type, op, value)
}

function withPath(type: ResourceType, op: Operator, path: string, value: unknown): Operation[] {
  const urn = findExtension(type, path)
  if (urn !== undefined) return ofExtension(type, op, urn, value)
  const target = parsePath(type, path)
  const { attribute, sub } = target
  if (attribute.mutability === 'readOnly' || sub?.mutability === 'readOnly') {
    throw scimError('mutability', `${sub?.name ?? attribute.name} cannot be changed.`)
  }
  if (op !== 'remove' && value === undefined) throw scimError('invalidValue', `${attribute.name} needs a value.`)
  return [{ op, target, value }]
}

/** What is unknown or read-only, such as the id that Okta sends, is left out as in a whole resource. */
function withoutPath(type: ResourceType, op: Operator, value: unknown): Operation[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw scimError('invalidValue', 'Without a path, the value must be an object.')
  }
  return Object.entries(value).flatMap(([name, field]) => {
    const urn = findExtension(type, name)
    if (urn !== undefined) return ofExtension(type, op, urn, field)
    const target = knownPath(type, name)
    const isReadOnly = [target?.attribute, target?.sub].some(one => one?.mutability === 'readOnly')
    return !target || isReadOnly ? [] : [{ op, target, value: field }]
  })
}

function ofExtension(type: ResourceType, op: Operator, urn: string, value: unknown): Operation[] {
  const attributes = type.extensions[urn] ?? []
  if (op === 'remove') {
    return attributes.map(({ name }) => ({ op, target: parsePath(type, `${urn}:${name}`), value: undefined }))
  }
  if (typeof value !== 'object' || value === null) throw scimError('invalidValue', 'An extension must be an object.')
  const prefixed = Object.entries(value).map(([name, field]) => [`${urn}:${name}`, field])
  return withoutPath(type, op, Object.fromEntries(prefixed))
}

function knownPath(type: ResourceType, name: string): PatchTarget | undefined {
  try {
    return parsePath(type, name)
  } catch (error) {
    if ((error as { extra?: { scimType?: string } }).extra?.scimType === 'invalidPath') return undefined
    throw error
  }
}

function apply(resource: Resource, { op, target, value }: Operation): void {
  const { extension, attribute, filter, sub } = target
  const parent = extension === undefined ? resource : ((resource[extension] ?? {}) as Resource)
  const before = parent[attribute.name]
  const isRemoved = op === 'remove'
  const after = attribute.multiValued
    ? changeMultiple({ op, attribute, filter, sub, before: (before ?? []) as unknown[], value })
    : sub
      ? withField(before, sub.name, isRemoved ? undefined : readValue(sub, value))
      : isRemoved
        ? undefined
        : merged(before, readOne(attribute, value))
  if (after === undefined) delete parent[attribute.name]
  else parent[attribute.name] = after
  if (extension === undefined) return
  if (Object.keys(parent).length > 0) resource[extension] = parent
  else delete resource[extension]
}

/** @returns undefined if no field is left */
function withField(before: unknown, name: string, value: unknown): Resource | undefined {
  const { [name]: _, ...rest } = (before ?? {}) as Resource
  const after = value === undefined ? rest : { ...rest, [name]: value }
  return Object.keys(after).length > 0 ? after : undefined
}

/** The sub-attributes that a complex value does not name stay as they are (RFC 7644 §3.5.2.3). */
const merged = (before: unknown, value: unknown) =>
  typeof before === 'object' && typeof value === 'object' ? { ...before, ...value } : value

/** A field of a request whose names may be in any case. */
export function fieldOf(body: unknown, name: string): unknown {
  if (typeof body !== 'object' || body === null) throw scimError('invalidSyntax', 'The body is not an object.')
  return Object.entries(body).find(([key]) => key.toLowerCase() === name)?.[1]
}
