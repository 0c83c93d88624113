import { invalidCheck } from '../errors.ts'
import { LruCache } from '../lru-cache.ts'
import { PosternError } from '../postern-error.ts'
import { ANY_TOKEN, type ScopeRequirement } from '../requirements.ts'

/** A scope (RFC 6749 §3.3) without a comma, which separates the scopes. */
const SCOPE = /^[\x21\x23-\x2b\x2d-\x5b\x5d-\x7e]+$/
const MAX_LENGTH = 4_096
/** A proxy has a few locations. The limit is for one that lets its clients write the query. */
const MAX_CACHED = 1_000

const USAGE = 'Write /check?scopes=a,b (all of them), /check?scopes=a,b&any=1 (one of them), or /check?token=any.'

/** Whether a request target asks for the check at this path. */
export const isCheckAt = (path: string, url: string): boolean =>
  url.startsWith(path) && (url.length === path.length || url[path.length] === '?' || url[path.length] === '/')

/**
 * Returns a function that reads what a check requires of a token from its request target. It caches the results.
 *
 * The target has one of two forms: `/check?<requirement>`, and `/check/<requirement>/<path>` for a proxy that appends the path
 * and the query of its client. The second form ignores everything after the requirement. A requirement is `scopes=a,b`,
 * `scopes=a,b&any=1` or `token=any`. Anything else is refused, since ignoring a misspelled parameter could accept every token.
 *
 * It throws PosternError 500 `invalid_check` that says what is wrong, without the values.
 */
export function createRequirementReader(): (url: string, path: string) => ScopeRequirement {
  const cache = new LruCache<string, ScopeRequirement | PosternError>(MAX_CACHED)
  return (url, path) => {
    const text = requirementText(url, path.length)
    let result = cache.get(text)
    if (result === undefined) {
      result = parse(text)
      if (text.length <= MAX_LENGTH) cache.set(text, result)
    }
    if (result instanceof PosternError) throw result
    return result
  }
}

/** The requirement as written. Empty when there is none, or nothing ends it in the form with a path. */
function requirementText(url: string, length: number): string {
  const start = length + 1
  if (url[length] !== '/') return url.slice(start)
  // Without the slash, a client whose path does not start with one could add to the requirement.
  const end = url.indexOf('/', start)
  return end < 0 ? '' : url.slice(start, end)
}

function parse(text: string): ScopeRequirement | PosternError {
  try {
    return requirementOf(parametersOf(text))
  } catch (error) {
    return invalidCheck(`The proxy asked for a check that cannot be understood: ${(error as Error).message}. ${USAGE}`)
  }
}

function parametersOf(text: string): Map<string, string> {
  if (text === '') throw new Error('it requires nothing')
  if (text.length > MAX_LENGTH) throw new Error(`it has more than ${MAX_LENGTH} characters`)
  // A proxy that appends its client's path to the first form would let the client write the requirement.
  if (/[/?]/.test(text)) throw new Error('it contains a path; a slash of a scope is written %2F')
  const parameters = new Map<string, string>()
  for (const part of text.split('&')) {
    const [, name = '', value = ''] = /^(scopes|any|token)=(.*)$/s.exec(part) ?? []
    if (name === '') throw new Error('it has a parameter other than scopes, any and token')
    if (parameters.has(name)) throw new Error(`${name} is there twice`)
    parameters.set(name, decoded(name, value))
  }
  return parameters
}

function decoded(name: string, value: string): string {
  try {
    return decodeURIComponent(value)
  } catch {
    throw new Error(`${name} has an incomplete escape`)
  }
}

function requirementOf(parameters: Map<string, string>): ScopeRequirement {
  const scopes = parameters.get('scopes')
  if (parameters.has('token')) {
    if (parameters.size > 1) throw new Error('token stands alone')
    if (parameters.get('token') !== 'any') throw new Error('token is not "any"')
    return ANY_TOKEN
  }
  if (scopes === undefined) throw new Error('scopes is missing')
  if (parameters.has('any') && parameters.get('any') !== '1') throw new Error('any is not 1')
  const list = scopes.split(',')
  if (!list.every(scope => SCOPE.test(scope))) throw new Error('scopes has an empty or malformed scope')
  if (new Set(list).size < list.length) throw new Error('scopes names a scope twice')
  return { mode: parameters.has('any') ? 'any' : 'all', scopes: Object.freeze(list) }
}
