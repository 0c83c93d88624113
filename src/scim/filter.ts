import { type Compare, type Filter, parse, Tester } from 'scim2-parse-filter'
import { type AttributePath, findAttribute, findIn, pathText } from './attribute-path.ts'
import type { Attribute, ResourceType } from './attributes.ts'
import { scimError } from './errors.ts'
import { foldAttributes, foldCase, type Resource } from './values.ts'

/** Compares each value of a list by itself: in `emails[type eq "work" and value co "x"]`, one address has to match both. */
class EachTester extends Tester {
  override attrTest(path: string[], value: unknown, matches: (one: unknown) => boolean): boolean {
    if (path.length === 0 && Array.isArray(value)) return value.some(one => matches(one))
    return super.attrTest(path, value, matches)
  }
}

const evaluator = (ast: Filter) => (resource: Resource) => new EachTester().test(resource, ast)

/** A filter that was parsed and whose attributes exist. */
export interface ResourceFilter {
  matches(resource: Resource): boolean
  /** Values that an attribute must be equal to for the filter to match, by the path of the attribute. */
  readonly required: ReadonlyMap<string, string>
  /** The first key of each attribute that it compares. */
  readonly attributes: ReadonlySet<string>
}

const MAX_LENGTH = 2_000
/** Maximum parentheses, brackets and `not`s: the parser recurses for each. */
const MAX_NESTING = 50
/** Maximum comparisons. */
const MAX_TERMS = 100

/**
 * Parses a filter (RFC 7644 §3.4.2.2).
 * @throws 400 `invalidFilter` for a syntax error, an unknown attribute, a comparison that its type does not have, or one that is
 *   too long
 * @example parseFilter(USER, 'userName eq "ada"').matches({ userName: 'Ada' }) // true
 */
export function parseFilter(type: ResourceType, text: string): ResourceFilter {
  const attributes = new Set<string>()
  const find = (path: string) => {
    const found = findAttribute(type, path)
    if (found) attributes.add(found.keys[0])
    return found
  }
  const ast = resolve(parseText(text), find)
  const test = evaluator(ast)
  return { matches: resource => test(foldCase(type, resource)), required: requiredIn(ast), attributes }
}

/** A filter on one value of a multi-valued attribute, as in `emails[type eq "work"]`. */
export interface ValueFilter {
  matches(value: Resource): boolean
  /** The attributes of a new value that matches; undefined: the filter does not say. */
  readonly template: Resource | undefined
}

/** @throws 400 `invalidFilter` as `parseFilter` does */
export function parseValueFilter(attribute: Attribute, text: string): ValueFilter {
  const subAttributes = attribute.subAttributes ?? []
  const ast = resolve(parseText(text), path => findIn(subAttributes, path))
  const original = parseText(text)
  const template =
    'compValue' in ast && ast.op === 'eq' ? { [ast.attrPath]: (original as Compare).compValue } : undefined
  const test = evaluator(ast)
  // The removal of one member of a large group need not fold every member.
  const only = ast.op === 'eq' && ast.attrPath === 'value' ? ast.compValue : undefined
  const matches = (value: Resource) =>
    only === undefined ? test(foldAttributes(subAttributes, value)) : String(value.value).toLowerCase() === only
  return { matches, template }
}

const QUOTED = /"(?:[^"\\]|\\.)*"/g

/**
 * Parses a text. The parser sees a number in place of each quoted text: it would read escape sequences as something else, and
 * backtrack exponentially at line breaks in an open quotation.
 * @throws 400 `invalidFilter`
 */
function parseText(text: string): Filter {
  if (text.length > MAX_LENGTH) throw invalidFilter(`it has more than ${MAX_LENGTH} characters`)
  if (/\p{Cc}/u.test(text)) throw invalidFilter('it contains a control character')
  const quoted: string[] = []
  const bare = text.replaceAll(QUOTED, one => `"${quoted.push(one) - 1}"`)
  const nesting = bare.match(/[([]|\bnot\b/gi)?.length ?? 0
  if (nesting > MAX_NESTING) throw invalidFilter('it is nested too deeply')
  try {
    return withTexts(parse(bare), quoted)
  } catch {
    throw invalidFilter('its syntax is wrong (RFC 7644, section 3.4.2.2)')
  }
}

function withTexts(node: Filter, quoted: readonly string[]): Filter {
  if ('filters' in node) return { ...node, filters: node.filters.map(one => withTexts(one, quoted)) }
  if ('filter' in node) return { ...node, filter: withTexts(node.filter, quoted) }
  if ('valFilter' in node) return { ...node, valFilter: withTexts(node.valFilter, quoted) }
  if (!('compValue' in node) || typeof node.compValue !== 'string') return node
  return { ...node, compValue: unquoted(quoted[Number(node.compValue)] as string) }
}

/** Some directories send a backslash without escaping it: DOMAIN\user. */
function unquoted(text: string): string {
  try {
    return JSON.parse(text)
  } catch {
    return text.slice(1, -1)
  }
}

/** Replaces names by those of the schema, and texts that are compared without regard to case by lower case. */
function resolve(ast: Filter, find: (path: string) => AttributePath | undefined): Filter {
  let terms = 0
  const walk = (node: Filter): Filter => {
    if ('filters' in node) return { ...node, filters: node.filters.map(walk) }
    if ('filter' in node) return { ...node, filter: walk(node.filter) }
    if (++terms > MAX_TERMS) throw invalidFilter(`it has more than ${MAX_TERMS} comparisons`)
    const found = find(node.attrPath)
    if (!found) throw invalidFilter(`there is no attribute "${node.attrPath}"`)
    if ('valFilter' in node) return resolveValuePath(node.valFilter, found, terms)
    if (node.op === 'pr') return { op: 'pr', attrPath: pathText(found.keys) }
    return resolveComparison(node, found)
  }
  return walk(ast)
}

function resolveValuePath(valFilter: Filter, { attribute, keys }: AttributePath, terms: number): Filter {
  const { subAttributes, name } = attribute
  if (!subAttributes) throw invalidFilter(`${name} has no sub-attributes`)
  if (terms > MAX_TERMS) throw invalidFilter(`it has more than ${MAX_TERMS} comparisons`)
  return { op: '[]', attrPath: pathText(keys), valFilter: resolve(valFilter, path => findIn(subAttributes, path)) }
}

function resolveComparison({ op, compValue }: Compare, found: AttributePath): Compare {
  // A comparison with a multi-valued complex attribute is one with its `value`.
  const value = found.attribute.subAttributes?.find(({ name }) => name === 'value')
  if (found.attribute.type === 'complex' && !value) throw invalidFilter(`${found.attribute.name} has parts: name one`)
  const attribute = value && found.attribute.type === 'complex' ? value : found.attribute
  const keys = attribute === found.attribute ? found.keys : [...found.keys, attribute.name]
  return { op, attrPath: pathText(keys), compValue: comparable(attribute, op, compValue) }
}

function comparable({ name, type, caseExact }: Attribute, op: string, value: Compare['compValue']) {
  if (value === null) return value
  if (type === 'boolean') {
    if (op !== 'eq' && op !== 'ne') throw invalidFilter(`${name} is true or false, which have no order`)
    const text = String(value).toLowerCase()
    if (text === 'true' || text === 'false') return text === 'true'
    throw invalidFilter(`${name} is true or false`)
  }
  if (typeof value !== 'string') throw invalidFilter(`${name} is compared with a text in quotation marks`)
  if (type !== 'dateTime') return caseExact ? value : value.toLowerCase()
  const time = new Date(value)
  if (Number.isNaN(time.getTime())) throw invalidFilter(`${name} is compared with a time, such as 2030-01-31T12:00:00Z`)
  return time.toISOString()
}

/** The comparisons that all results satisfy, for a look-up by an index. */
function requiredIn(ast: Filter): Map<string, string> {
  if (ast.op === 'and') return new Map(ast.filters.flatMap(part => [...requiredIn(part)]))
  if (ast.op === '[]') {
    return new Map([...requiredIn(ast.valFilter)].map(([path, value]) => [`${ast.attrPath}.${path}`, value]))
  }
  return ast.op === 'eq' && typeof ast.compValue === 'string' ? new Map([[ast.attrPath, ast.compValue]]) : new Map()
}

const invalidFilter = (why: string) => scimError('invalidFilter', `The filter is not valid: ${why}.`)
