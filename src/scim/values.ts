import { findAttribute, findExtension, findIn } from './attribute-path.ts'
import { type Attribute, COMMON_ATTRIBUTES, type ResourceType } from './attributes.ts'
import { scimError } from './errors.ts'

/** The attributes of a resource, with the names of the schema. */
export type Resource = Record<string, unknown>

/** Maximum values of a multi-valued attribute, except members; and characters of a value. */
const MAX_VALUES = 100
const MAX_TEXT = 2_048
/** Maximum members that one value lists. */
export const MAX_MEMBERS = 10_000

/**
 * Reads a resource as a directory sends it: names in any case, texts in place of booleans, one value in place of a list.
 * Attributes that are unknown or read-only are left out (RFC 7644 §3.3, §3.5.1).
 * @throws 400 `invalidValue`
 */
export function readResource(type: ResourceType, body: unknown): Resource {
  const resource: Resource = {}
  for (const [name, value] of Object.entries(asObject(body, 'The body'))) {
    const urn = findExtension(type, name)
    if (urn !== undefined) {
      const extension = readAttributes(type.extensions[urn] as readonly Attribute[], value, name)
      if (Object.keys(extension).length > 0) resource[urn] = extension
      continue
    }
    const found = findAttribute(type, name)
    if (!found || found.keys.length > 1 || found.attribute.mutability === 'readOnly') continue
    setValue(resource, found.attribute.name, readValue(found.attribute, value))
  }
  return resource
}

/** Reads a value of an attribute. @returns undefined for one that unassigns it: null, an empty text or list */
export function readValue(attribute: Attribute, value: unknown): unknown {
  if (!attribute.multiValued) return readOne(attribute, value)
  if (value === null || value === undefined) return undefined
  const values = Array.isArray(value) ? value : [value]
  const max = attribute.name === 'members' ? MAX_MEMBERS : MAX_VALUES
  if (values.length > max) throw scimError('invalidValue', `${attribute.name} has more than ${max} values.`)
  const read = values.map(one => readOne(attribute, one)).filter(one => one !== undefined)
  return read.length === 0 ? undefined : onePrimary(read)
}

/** Reads one value, also of a multi-valued attribute. A text in place of a complex value is its `value`. */
export function readOne(attribute: Attribute, value: unknown): unknown {
  if (value === null || value === undefined || value === '') return undefined
  const { name, type, subAttributes } = attribute
  if (type === 'boolean') return readBoolean(name, value)
  if (type !== 'complex') return readText(name, value)
  const fields = typeof value === 'string' ? { value } : value
  const read = readAttributes(subAttributes as readonly Attribute[], fields, name)
  return Object.keys(read).length > 0 ? read : undefined
}

function readAttributes(attributes: readonly Attribute[], value: unknown, name: string): Resource {
  const read: Resource = {}
  if (value === null || value === undefined) return read
  for (const [key, field] of Object.entries(asObject(value, name))) {
    const attribute = findIn(attributes, key)?.attribute
    if (!attribute || key.includes('.') || attribute.mutability === 'readOnly') continue
    setValue(read, attribute.name, readValue(attribute, field))
  }
  return read
}

function setValue(target: Resource, name: string, value: unknown): void {
  if (value !== undefined) target[name] = value
}

/** Entra ID sends booleans as texts: "False". */
function readBoolean(name: string, value: unknown): boolean {
  const text = typeof value === 'string' ? value.toLowerCase() : value
  if (text === true || text === 'true') return true
  if (text === false || text === 'false') return false
  throw scimError('invalidValue', `${name} must be true or false.`)
}

function readText(name: string, value: unknown): string {
  if (typeof value !== 'string') throw scimError('invalidValue', `${name} must be a text.`)
  if (value.length > MAX_TEXT) throw scimError('invalidValue', `${name} must have at most ${MAX_TEXT} characters.`)
  return value
}

/** At most one value is the primary one (RFC 7643 §2.4): the last that says so. */
export function onePrimary(values: unknown[]): unknown[] {
  const last = values.findLastIndex(value => (value as Resource)?.primary === true)
  return values.map((value, i) => {
    return i !== last && (value as Resource)?.primary === true ? { ...(value as Resource), primary: false } : value
  })
}

function asObject(value: unknown, what: string): Resource {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Resource
  throw scimError('invalidSyntax', `${what} must be an object.`)
}

/** A copy in which texts that are compared without regard to case are in lower case. */
export function foldCase(type: ResourceType, resource: Resource): Resource {
  const core = [...COMMON_ATTRIBUTES, ...type.attributes]
  return Object.fromEntries(
    Object.entries(resource).map(([name, value]) => {
      const extension = type.extensions[name]
      return [name, extension ? foldAttributes(extension, value as Resource) : foldNamed(core, name, value)]
    }),
  )
}

const foldNamed = (attributes: readonly Attribute[], name: string, value: unknown) => {
  const attribute = attributes.find(one => one.name === name)
  return attribute ? foldValue(attribute, value) : value
}

export const foldAttributes = (attributes: readonly Attribute[], resource: Resource): Resource =>
  Object.fromEntries(Object.entries(resource).map(([name, value]) => [name, foldNamed(attributes, name, value)]))

function foldValue(attribute: Attribute, value: unknown): unknown {
  if (Array.isArray(value)) return value.map(one => foldValue(attribute, one))
  if (attribute.type === 'complex') return foldAttributes(attribute.subAttributes ?? [], value as Resource)
  return typeof value === 'string' && !attribute.caseExact && attribute.type !== 'dateTime'
    ? value.toLowerCase()
    : value
}
