/** The subset of JSON Schema that the routes use. */
export interface Schema {
  type?: string
  format?: string
  description?: string
  examples?: unknown[]
  enum?: unknown[]
  default?: unknown
  anyOf?: Schema[]
  items?: Schema
  properties?: Record<string, Schema>
  required?: string[]
  $ref?: string
}

const FORMATS: Record<string, string> = {
  'date-time': '2026-11-21T10:00:00.000Z',
  email: 'ada@example.com',
  uri: 'https://app.example.com/callback',
  uuid: '01939f4e-8a4c-7b60-b5a4-6f6d5c3f2a12',
}

/**
 * Builds an example of a schema from the examples of its parts.
 * @returns undefined when a required part has no example
 */
export function exampleOf(schema: Schema): unknown {
  if (schema.examples?.length) return schema.examples[0]
  if (schema.default !== undefined) return schema.default
  if (schema.enum?.length) return schema.enum[0]
  if (schema.anyOf) return firstExample(schema.anyOf)
  if (schema.type === 'object') return objectExample(schema)
  if (schema.type === 'array') return arrayExample(schema)
  if (schema.type === 'null') return null
  return schema.type === 'boolean' ? false : FORMATS[schema.format ?? '']
}

function firstExample(schemas: Schema[]): unknown {
  return schemas.map(exampleOf).find(example => example !== undefined)
}

function arrayExample({ items = {} }: Schema): unknown[] | undefined {
  const item = exampleOf(items)
  return item === undefined ? undefined : [item]
}

function objectExample({ properties = {}, required = [] }: Schema): object | undefined {
  const parts = Object.entries(properties).map(([name, schema]) => [name, exampleOf(schema)] as const)
  if (parts.some(([name, example]) => example === undefined && required.includes(name))) return undefined
  return Object.fromEntries(parts.filter(([, example]) => example !== undefined))
}
