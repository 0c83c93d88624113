import { readFileSync } from 'node:fs'
import { grants, isAdminScope, WILDCARD } from '../../packages/guard/src/scope-set.ts'
import { invalid, StartupError } from '../errors/errors.ts'
import { RESERVED } from './reserved.ts'

/** One permission, as `GET /scopes` gives it. */
export interface Scope {
  id: string
  description: string
  /** Applied when a request for a token names no scopes. */
  default: boolean
  /** URI of the API it belongs to: a token that asks for it is meant for that one. Absent: it belongs to none. */
  resource?: string
}

/** What a deployment writes: a list of scopes, or the list with its settings. */
export type CatalogueInput = readonly ScopeInput[] | { inherit?: boolean; scopes: readonly ScopeInput[] }
export interface ScopeInput {
  id: string
  description: string
  default?: boolean
  /** An absolute URI without a fragment. */
  resource?: string
}

/** What tells name and e-mail address to whoever holds a token: `GET /api/user`, introspection. */
export const USER_READ = 'user:read'
/** In every catalogue: of a deployment that describes it itself, as it does. */
const STANDARD: Scope = { id: USER_READ, description: 'Read your name and e-mail address', default: false }

/** scope-token of RFC 6749 §3.3, without the comma that links such as `?scopes=a,b` need. */
const SCOPE_ID = /^[!#-+\--[\]-~]{1,128}$/
/** What a personal token has besides the defaults of the catalogue, when its maker names no scopes. */
export const TOKENS_ROTATE = 'tokens:rotate'

const RESERVED_WORDS = new Set(['*', 'admin', 'tokens', 'clients', ...RESERVED.map(s => s.id)])

/** The ordered list of all scopes of a deployment. */
export interface Catalogue {
  readonly scopes: readonly Scope[]
  readonly inherit: boolean
  /** Ids of the scopes that apply when none are asked for. */
  readonly defaults: readonly string[]
  has(id: string): boolean
  /** Whether `granted` covers `wanted` under this catalogue's rule of inheritance. */
  covers(granted: Iterable<string>, requestedScope: string): boolean
  /**
   * What a request for scopes comes to: the defaults when nothing is asked for, in catalogue order, each once.
   * @param existing scopes that whatever is changed has already: it may keep those that have left the catalogue since
   * @throws a 422 that names each scope the catalogue does not know
   */
  resolve(requested: readonly string[] | undefined, existing?: readonly string[]): string[]
  /** Those of `scopes` that have left the catalogue: they stay on what has them, and nothing new gets them. */
  unknown(scopes: readonly string[]): string[]
}

/** @throws StartupError that names what is wrong with the first bad entry */
export function createCatalogue(input: CatalogueInput): Catalogue {
  const { inherit, scopes: own } = validateInput(input)
  const standard = own.some(({ id }) => id === USER_READ) ? [] : [STANDARD]
  const scopes = Object.freeze([...own, ...standard, ...RESERVED])
  const order = new Map(scopes.map((s, i) => [s.id, i]))
  const defaults = scopes.filter(s => s.default).map(s => s.id)
  const isKnown = (id: string) => id === WILDCARD || order.has(id)
  // `*` comes first, and what has left the catalogue last.
  const place = (id: string) => order.get(id) ?? (id === WILDCARD ? -1 : scopes.length)
  return {
    scopes,
    inherit,
    defaults,
    has: id => order.has(id),
    covers: (granted, requestedScope) => grants(new Set(granted), requestedScope, inherit),
    unknown: ids => ids.filter(id => !isKnown(id)),
    resolve(requested, existing = []) {
      if (!requested) return [...defaults]
      const unknown = requested.flatMap((id, i) => (isKnown(id) || existing.includes(id) ? [] : [{ id, i }]))
      if (unknown.length > 0) {
        throw invalid(...unknown.map(({ id, i }) => ({ path: `scopes/${i}`, message: unknownScope(id, scopes) })))
      }
      return [...new Set(requested)].sort((a, b) => place(a) - place(b))
    },
  }
}

/** @throws StartupError in one line, naming the file */
export function loadCatalogue(file: string): Catalogue {
  try {
    return createCatalogue(JSON.parse(decoded(readFileSync(file))))
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    throw new StartupError(`SCOPES_FILE ${file}: ${code ? `cannot be read (${code})` : oneLine(message)}`, error)
  }
}

/** Editors on Windows write a byte order mark, or UTF-16. @throws StartupError for any other encoding */
function decoded(bytes: Buffer): string {
  const [first, second] = bytes
  const little = (first === 0xff && second === 0xfe) || (first !== 0 && second === 0)
  const big = (first === 0xfe && second === 0xff) || (first === 0 && second !== 0)
  const encoding = little ? 'utf-16le' : big ? 'utf-16be' : 'utf-8'
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes)
  } catch {
    throw invalidCatalogue('it must be text in UTF-8')
  }
}

function validateInput(input: unknown): { inherit: boolean; scopes: Scope[] } {
  const { scopes, inherit = false, ...rest } = Array.isArray(input) ? { scopes: input } : asObject(input)
  if (!Array.isArray(scopes)) throw invalidCatalogue('it must hold a list of scopes')
  if (typeof inherit !== 'boolean') throw invalidCatalogue('"inherit" must be true or false')
  if (Object.keys(rest).length > 0) throw invalidCatalogue(`it does not know "${Object.keys(rest)[0]}"`)
  const seen = new Set<string>()
  return { inherit, scopes: scopes.map((entry, i) => scope(entry, i, seen)) }
}

function scope(entry: unknown, index: number, seen: Set<string>): Scope {
  const { id, description, default: byDefault = false, resource, ...rest } = asObject(entry)
  if (typeof id !== 'string' || id === '') throw invalidCatalogue(`scope ${index + 1} has no id`)
  if (!SCOPE_ID.test(id))
    throw invalidCatalogue(`scope "${id}" must be printable ASCII without spaces, quotes, commas or backslashes`)
  if (RESERVED_WORDS.has(id) || isAdminScope(id)) throw invalidCatalogue(`scope "${id}" is reserved`)
  if (seen.has(id)) throw invalidCatalogue(`scope "${id}" stands twice`)
  if (typeof description !== 'string' || description.trim() === '')
    throw invalidCatalogue(`scope "${id}" has no description`)
  if (typeof byDefault !== 'boolean') throw invalidCatalogue(`scope "${id}": "default" must be true or false`)
  const [unknown] = Object.keys(rest)
  if (unknown !== undefined) throw invalidCatalogue(`scope "${id}" has "${unknown}", which is not known`)
  if (resource !== undefined && !isResource(resource))
    throw invalidCatalogue(`scope "${id}": "resource" must be an absolute URI without a fragment`)
  seen.add(id)
  return { id, description, default: byDefault, ...(resource !== undefined && { resource }) }
}

/** A resource indicator (RFC 8707 §2). */
const isResource = (value: unknown): value is string =>
  typeof value === 'string' && /^[!-"$-~]{1,2000}$/.test(value) && URL.canParse(value)

function asObject(value: unknown): Record<string, unknown> {
  if (typeof value === 'object' && value !== null) return value as Record<string, unknown>
  throw invalidCatalogue('it must hold a list of objects, each with "id" and "description"')
}

const invalidCatalogue = (what: string) => new StartupError(oneLine(what))
const oneLine = (text: string) => text.replaceAll(/\s*\n\s*/g, ' ')

function unknownScope(id: string, scopes: readonly Scope[]): string {
  return `is not a scope: "${id}". There are ${scopes.map(s => s.id).join(', ')}`
}
