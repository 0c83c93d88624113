import type { Schema } from './examples.ts'

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const isName = (title: unknown): title is string => typeof title === 'string' && /^[A-Z][A-Za-z]+$/.test(title)

/** Keywords whose values are data, or schemas by the names of properties: a `title` in them is no title of a schema. */
const DATA = new Set(['example', 'examples', 'default', 'enum', 'const', 'required'])

/**
 * Moves schemas with a `title` to `components.schemas` and refers to them there, so that a generated client has a type for each.
 * Gives enumerations of strings their type, which generators require.
 * @param schemas the named schemas; those that are found are added
 * @returns the schema with references
 * @throws Error for two different schemas with the same title
 * @example nameSchemas({ type: 'object', title: 'Token', properties }, {}) // { $ref: '#/components/schemas/Token' }
 */
export function nameSchemas(schema: Schema, schemas: Record<string, Schema>): Schema {
  const { title, description, ...rest } = schema as Schema & { title?: unknown }
  const described = description === undefined ? {} : { description }
  const named = Object.fromEntries(
    Object.entries(typed(rest)).map(([key, value]) => [key, inside(key, value, schemas)]),
  )
  if (!isName(title)) return { ...named, ...described }
  const known = schemas[title]
  if (known && JSON.stringify(known) !== JSON.stringify(named)) throw new Error(`Two schemas are named ${title}`)
  schemas[title] = named
  // Each use describes what it is for.
  return { $ref: `#/components/schemas/${title}`, ...described }
}

function inside(key: string, value: unknown, schemas: Record<string, Schema>): unknown {
  if (DATA.has(key)) return value
  if (Array.isArray(value)) return value.map(each => (isObject(each) ? nameSchemas(each, schemas) : each))
  if (!isObject(value)) return value
  if (key !== 'properties' && key !== 'patternProperties') return nameSchemas(value, schemas)
  return Object.fromEntries(
    Object.entries(value).map(([name, property]) => [
      name,
      isObject(property) ? nameSchemas(property, schemas) : property,
    ]),
  )
}

/** An enumeration of strings is a string. */
export function typed(schema: Schema): Schema {
  const isText = schema.type === undefined && schema.enum?.every(value => typeof value === 'string')
  return isText ? { type: 'string', ...schema } : schema
}
