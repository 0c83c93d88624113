import { findAttribute, findExtension, findIn } from './attribute-path.ts'
import type { Attribute, ResourceType } from './attributes.ts'
import { scimError } from './errors.ts'
import { parseValueFilter, type ValueFilter } from './filter.ts'

/** What a path of a PATCH request names (RFC 7644 §3.5.2). All names are those of the schema. */
export interface PatchTarget {
  /** The URN of the extension that contains the attribute; undefined: the core schema. */
  extension: string | undefined
  attribute: Attribute
  /** Which values of a multi-valued attribute. */
  filter: ValueFilter | undefined
  sub: Attribute | undefined
}

const MAX_PATH = 2_000

/**
 * Parses a path: `active`, `name.familyName`, `emails[type eq "work"].value`, with or without the URN of the schema.
 * @throws 400 `invalidPath`, and `invalidFilter` for what is in the brackets
 */
export function parsePath(type: ResourceType, path: string): PatchTarget {
  const target = path.length > MAX_PATH ? undefined : findTarget(type, path.trim())
  if (!target) throw scimError('invalidPath', `There is no attribute "${path.slice(0, 100)}".`)
  return target
}

function findTarget(type: ResourceType, path: string): PatchTarget | undefined {
  const start = path.indexOf('[')
  if (start < 0) return plainTarget(type, path)
  const end = path.lastIndexOf(']')
  const target = plainTarget(type, path.slice(0, start))
  if (!target?.attribute.multiValued || target.sub || end < start) return undefined
  const after = path.slice(end + 1)
  const sub = after.startsWith('.') ? findIn(target.attribute.subAttributes ?? [], after.slice(1)) : undefined
  if (after !== '' && sub?.keys.length !== 1) return undefined
  return { ...target, filter: parseValueFilter(target.attribute, path.slice(start + 1, end)), sub: sub?.attribute }
}

function plainTarget(type: ResourceType, path: string): PatchTarget | undefined {
  const found = findAttribute(type, path)
  if (!found) return undefined
  const { parent, attribute, keys } = found
  const extension = findExtension(type, keys[0])
  return {
    extension,
    filter: undefined,
    ...(parent ? { attribute: parent, sub: attribute } : { attribute, sub: undefined }),
  }
}
