import { type Attribute, COMMON_ATTRIBUTES, type ResourceType } from './attributes.ts'

/** An attribute of a resource and where it is. */
export interface AttributePath {
  /** The keys from the resource to the value, as the schema spells them: `['name', 'familyName']`. */
  keys: readonly [string, ...string[]]
  attribute: Attribute
  /** The attribute that it is a sub-attribute of. */
  parent: Attribute | undefined
}

/**
 * Finds the attribute that a path names, in any case and with or without the URN of its schema (RFC 7644 §3.10). Only names of
 * the schema come out, so no path can reach anything else of an object.
 * @example findAttribute(USER, 'NAME.familyname')?.keys // ['name', 'familyName']
 */
export function findAttribute(type: ResourceType, path: string): AttributePath | undefined {
  const core = [...COMMON_ATTRIBUTES, ...type.attributes]
  const lower = path.toLowerCase()
  for (const [urn, attributes] of Object.entries(type.extensions)) {
    if (!lower.startsWith(`${urn.toLowerCase()}:`)) continue
    const found = findIn(attributes, path.slice(urn.length + 1))
    return found && { ...found, keys: [urn, ...found.keys] }
  }
  const prefix = `${type.schema}:`
  return findIn(core, lower.startsWith(prefix.toLowerCase()) ? path.slice(prefix.length) : path)
}

/** Finds an attribute, or `attribute.sub`, in a list. */
export function findIn(attributes: readonly Attribute[], path: string): AttributePath | undefined {
  const [name, sub, ...rest] = path.split('.')
  const attribute = named(attributes, name as string)
  if (!attribute || rest.length > 0) return undefined
  if (sub === undefined) return { keys: [attribute.name], attribute, parent: undefined }
  const child = named(attribute.subAttributes ?? [], sub)
  return child && { keys: [attribute.name, child.name], attribute: child, parent: attribute }
}

const named = (attributes: readonly Attribute[], name: string) =>
  attributes.find(one => one.name.toLowerCase() === name.toLowerCase())

/** The URN of the extension that a text names. */
export const findExtension = (type: ResourceType, text: string): string | undefined =>
  Object.keys(type.extensions).find(urn => urn.toLowerCase() === text.toLowerCase())

/** The path as the filter library and projections write it. */
export const pathText = (keys: readonly string[]): string =>
  keys[0]?.startsWith('urn:') ? `${keys[0]}:${keys.slice(1).join('.')}` : keys.join('.')
