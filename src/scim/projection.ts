import { findAttribute, findExtension } from './attribute-path.ts'
import { COMMON_ATTRIBUTES, type ResourceType } from './attributes.ts'
import { scimError } from './errors.ts'
import type { Resource } from './values.ts'

/** Which attributes a response contains (RFC 7644 §3.9). */
export interface Projection {
  project(resource: Resource): Resource
  /** Whether a response may contain the attribute. */
  has(name: string): boolean
}

const MAX_ATTRIBUTES = 100
const ALWAYS = COMMON_ATTRIBUTES.filter(({ returned }) => returned === 'always').map(({ name }) => name)

/**
 * Reads `attributes` and `excludedAttributes`. Names that do not exist are ignored.
 * @throws 400 `invalidValue` if there are both
 */
export function createProjection(
  type: ResourceType,
  attributes: readonly string[] | undefined,
  excluded: readonly string[] | undefined,
): Projection {
  if (attributes && excluded) throw scimError('invalidValue', 'Send attributes or excludedAttributes, not both.')
  const names = attributes ?? excluded
  if (!names) return { project: resource => resource, has: () => true }
  if (names.length > MAX_ATTRIBUTES) throw scimError('invalidValue', `Name at most ${MAX_ATTRIBUTES} attributes.`)
  const paths = names.map(name => keysOf(type, name.trim())).filter(keys => keys !== undefined)
  if (attributes) {
    const kept = [...ALWAYS.map(name => [name]), ...paths]
    return {
      project: resource => pick(resource, kept),
      has: name => kept.some(([first]) => first === name),
    }
  }
  const omitted = paths.filter(([first]) => !ALWAYS.includes(first as string))
  return {
    project: resource => omitted.reduce(omit, resource),
    has: name => !omitted.some(([first, second]) => first === name && second === undefined),
  }
}

function keysOf(type: ResourceType, name: string): readonly string[] | undefined {
  const urn = findExtension(type, name)
  return urn === undefined ? findAttribute(type, name)?.keys : [urn]
}

function pick(value: unknown, paths: readonly (readonly string[])[]): Resource {
  const picked: Resource = {}
  for (const [name, field] of Object.entries(value as Resource)) {
    const below = paths.filter(([first]) => first === name).map(keys => keys.slice(1))
    if (below.length === 0) continue
    picked[name] = below.some(keys => keys.length === 0) ? field : each(field, one => pick(one, below))
  }
  return picked
}

function omit(resource: Resource, [first, ...rest]: readonly string[]): Resource {
  const { [first as string]: field, ...others } = resource
  if (field === undefined || rest.length === 0) return others
  return { ...resource, [first as string]: each(field, one => omit(one as Resource, rest)) }
}

const each = (value: unknown, change: (one: unknown) => unknown) =>
  Array.isArray(value) ? value.map(change) : typeof value === 'object' && value !== null ? change(value) : value
