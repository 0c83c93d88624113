import { readFileSync } from 'node:fs'
import { grants, isAdminScope, LEGACY_PREFIX, WILDCARD } from '../../packages/guard/src/scope-set.ts'
import { checkEach, invalid, StartupError } from '../errors/errors.ts'
import { RESERVED } from './reserved.ts'

/** One permission, as `GET /scopes` returns it. */
export interface Scope {
  id: string
  description: string
  /** Granted when a request for a token names no scopes. */
  default: boolean
  /** URI of the API that the scope belongs to: a token with the scope gets that audience. Absent: it belongs to none. */
  resource?: string
}

/** The content of `scopes.json`: a list of scopes, or an object with the list and its settings. */
export type CatalogueInput = readonly ScopeInput[] | { inherit?: boolean; scopes: readonly ScopeInput[] }
export interface ScopeInput {
  id: string
  description: string
  default?: boolean
  /** An absolute URI without a fragment. */
  resource?: string
}

/** The scope to read the user's name and e-mail address by `GET /api/user` and introspection. */
export const USER_READ = 'user:read'
/** Added to every catalogue that does not define it itself. */
const STANDARD: Scope = { id: USER_READ, description: 'Read your name and e-mail address', default: false }

/** scope-token of RFC 6749 §3.3, without the comma, which separates scopes in links such as `?scopes=a,b`. */
const SCOPE_ID = /^[!#-+\--[\]-~]{1,128}$/
/** Granted to a personal token in addition to the default scopes, when the request names no scopes. */
export const TOKENS_ROTATE = 'tokens:rotate'

const RESERVED_WORDS = new Set(['*', 'admin', 'legacy', 'tokens', 'clients', ...RESERVED.map(s => s.id)])

/** The ordered list of all scopes of a deployment. */
export interface Catalogue {
  readonly scopes: readonly Scope[]
  readonly inherit: boolean
  /** Ids of the scopes that are granted when none are requested. */
  readonly defaults: readonly string[]
  has(id: string): boolean
  /** Whether `granted` covers `requestedScope`, according to `inherit`. */
  covers(granted: Iterable<string>, requestedScope: string): boolean
  /**
   * Resolves requested scopes: sorts them in catalogue order without duplicates. Without a request, returns the defaults.
   * @param existing scopes of the token or client that is changed; it may keep those that are no longer in the catalogue
   * @throws 422 that names the scopes that are not in the catalogue
   */
  resolve(requested: readonly string[] | undefined, existing?: readonly string[]): string[]
  /**
   * The scopes that are no longer in the catalogue. Existing tokens and clients keep them; new ones cannot get them. Scopes
   * of imported tokens (`legacy:…`) never were in it.
   */
  unknown(scopes: readonly string[]): string[]
}

/** Validates a catalogue. @throws StartupError that names the first invalid entry and what is wrong with it */
export function createCatalogue(input: CatalogueInput): Catalogue {
  const { inherit, scopes: own } = validateInput(input)
  const standard = own.some(({ id }) => id === USER_READ) ? [] : [STANDARD]
  const scopes = Object.freeze([...own, ...standard, ...RESERVED])
  const order = new Map(scopes.map((s, i) => [s.id, i]))
  const defaults = scopes.filter(s => s.default).map(s => s.id)
  const isKnown = (id: string) => id === WILDCARD || order.has(id)
  // `*` comes first; scopes that are no longer in the catalogue come last.
  const position = (id: string) => order.get(id) ?? (id === WILDCARD ? -1 : scopes.length)
  return {
    scopes,
    inherit,
    defaults,
    has: id => order.has(id),
    covers: (granted, requestedScope) => grants(new Set(granted), requestedScope, inherit),
    unknown: ids => ids.filter(id => !isKnown(id) && !id.startsWith(LEGACY_PREFIX)),
    resolve(requested, existing = []) {
      if (!requested) return [...defaults]
      checkEach(requested, (id, i) => {
        if (isKnown(id) || existing.includes(id)) return
        throw invalid({ path: `scopes/${i}`, message: unknownScope(id, scopes) })
      })
      return [...new Set(requested)].sort((a, b) => position(a) - position(b))
    },
  }
}

/** Loads a catalogue from a JSON file. @throws StartupError with one line that names the file */
export function loadCatalogue(file: string): Catalogue {
  try {
    return createCatalogue(JSON.parse(decoded(readFileSync(file))))
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    throw new StartupError(`SCOPES_FILE ${file}: ${code ? `cannot be read (${code})` : oneLine(message)}`, error)
  }
}

/** Decodes UTF-8 or UTF-16, since editors on Windows may write a byte order mark or UTF-16. @throws StartupError otherwise */
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
  if (!Array.isArray(scopes)) throw invalidCatalogue('it must contain a list of scopes')
  if (typeof inherit !== 'boolean') throw invalidCatalogue('"inherit" must be true or false')
  if (Object.keys(rest).length > 0) throw invalidCatalogue(`it contains an unknown property "${Object.keys(rest)[0]}"`)
  const ids = new Set<string>()
  return { inherit, scopes: scopes.map((entry, i) => scope(entry, i, ids)) }
}

/** @param ids ids of the previous scopes; the id of this one is added */
function scope(entry: unknown, index: number, ids: Set<string>): Scope {
  const { id, description, default: isDefault = false, resource, ...rest } = asObject(entry)
  if (typeof id !== 'string' || id === '') throw invalidCatalogue(`scope ${index + 1} has no id`)
  if (!SCOPE_ID.test(id))
    throw invalidCatalogue(`scope "${id}" must be printable ASCII without spaces, quotes, commas or backslashes`)
  if (RESERVED_WORDS.has(id) || isAdminScope(id) || id.startsWith(LEGACY_PREFIX))
    throw invalidCatalogue(`scope "${id}" is reserved`)
  if (ids.has(id)) throw invalidCatalogue(`scope "${id}" is listed twice`)
  if (typeof description !== 'string' || description.trim() === '')
    throw invalidCatalogue(`scope "${id}" has no description`)
  if (typeof isDefault !== 'boolean') throw invalidCatalogue(`scope "${id}": "default" must be true or false`)
  const [unknown] = Object.keys(rest)
  if (unknown !== undefined) throw invalidCatalogue(`scope "${id}" has an unknown property "${unknown}"`)
  if (resource !== undefined && !isResource(resource))
    throw invalidCatalogue(`scope "${id}": "resource" must be an absolute URI without a fragment`)
  ids.add(id)
  return { id, description, default: isDefault, ...(resource !== undefined && { resource }) }
}

/** A resource indicator (RFC 8707 §2). */
const isResource = (value: unknown): value is string =>
  typeof value === 'string' && /^[!-"$-~]{1,2000}$/.test(value) && URL.canParse(value)

function asObject(value: unknown): Record<string, unknown> {
  if (typeof value === 'object' && value !== null) return value as Record<string, unknown>
  throw invalidCatalogue('it must contain a list of objects, each with "id" and "description"')
}

const invalidCatalogue = (what: string) => new StartupError(oneLine(what))
const oneLine = (text: string) => text.replaceAll(/\s*\n\s*/g, ' ')

function unknownScope(id: string, scopes: readonly Scope[]): string {
  return `is not a scope: "${id}". There are ${scopes.map(s => s.id).join(', ')}`
}
