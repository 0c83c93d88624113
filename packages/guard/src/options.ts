import { normalizeIssuer } from './issuer-url.ts'

/** One rule for one option. @throws TypeError that names the option */
export type OptionRule = (name: string, value: unknown) => void

/**
 * Checks the options that decide security when a guard is made. One that is not given takes its default; one that is
 * given must say something, so that `{ audience: process.env.NOT_SET }` stops the start and opens nothing.
 * @param where the function that was called, for the message
 * @throws TypeError that names the option and what it may be
 */
export function checkOptions(where: string, options: object, rules: Readonly<Record<string, OptionRule>>): void {
  if (typeof options !== 'object' || options === null) {
    throw new TypeError(`${where} takes an object of options, not ${shown(options)}.`)
  }
  for (const [name, rule] of Object.entries(rules)) {
    if (name in options) rule(`${where}: ${name}`, (options as Record<string, unknown>)[name])
  }
}

/** For options without which nothing can be checked. @throws TypeError that names the first that is missing */
export function requireOptions(where: string, options: object, names: readonly string[]): void {
  const missing = names.find(name => !(name in options))
  if (missing) throw new TypeError(`${where}: ${missing} is missing.`)
}

/** An option that may also be given as `undefined`, where that cannot weaken anything. */
export const optional =
  (rule: OptionRule): OptionRule =>
  (name, value) => {
    if (value !== undefined) rule(name, value)
  }

/** For a name that an option had before: ignored, it would change what the guard does without a word. */
export const renamedTo =
  (newName: string): OptionRule =>
  name => {
    throw new TypeError(`${name} is now called ${newName}.`)
  }

export const isNonEmptyString: OptionRule = (name, value) => {
  if (typeof value !== 'string' || value.trim() === '') throw optionError(name, 'a text that is not empty', value)
}

/** An absolute URI without a fragment (RFC 8707 §2). */
export const isUri: OptionRule = (name, value) => {
  if (!isAbsolute(value))
    throw optionError(name, 'an absolute URI without a fragment, such as "https://api.example.com"', value)
}

/** An http or https URL without a fragment (RFC 9728 §1.2). */
export const isWebUrl: OptionRule = (name, value) => {
  if (!isAbsolute(value) || !/^https?:/i.test(value)) {
    throw optionError(name, 'an http or https URL without a fragment, such as "https://api.example.com"', value)
  }
}

/** One absolute URI, or a list of them with one member at least. */
export const isUriOrList: OptionRule = (name, value) => {
  if (Array.isArray(value)) isUriList(name, value)
  else isUri(name, value)
}

export const isUriList: OptionRule = (name, value) => {
  if (!Array.isArray(value) || value.length === 0) throw optionError(name, 'a list with one URL at least', value)
  value.forEach((member, i) => void isUri(`${name}[${i}]`, member))
}

/** What can be an issuer (RFC 8414 §2). */
export const isIssuer: OptionRule = (name, value) => {
  if (normalizeIssuer(value) === undefined) {
    const expected =
      'an http or https URL without query, fragment, user or // in its path, such as "https://id.example.com"'
    throw optionError(name, expected, value)
  }
}

export const isIssuerList: OptionRule = (name, value) => {
  if (!Array.isArray(value) || value.length === 0) throw optionError(name, 'a list with one issuer at least', value)
  value.forEach((member, i) => void isIssuer(`${name}[${i}]`, member))
}

/** A list of scopes; it may be empty, since a token may have none. */
export const isScopes: OptionRule = (name, value) => {
  if (!Array.isArray(value)) throw optionError(name, 'a list of scopes', value)
  value.forEach((member, i) => void isNonEmptyString(`${name}[${i}]`, member))
}

export const isFunction: OptionRule = (name, value) => {
  if (typeof value !== 'function') throw optionError(name, 'a function', value)
}

export const isObject: OptionRule = (name, value) => {
  if (typeof value !== 'object' || value === null) throw optionError(name, 'an object or a list', value)
}

export const isBoolean: OptionRule = (name, value) => {
  if (typeof value !== 'boolean') throw optionError(name, 'true or false', value)
}

/** Zero or more; not NaN, which is less than nothing. */
export const isNonNegative: OptionRule = (name, value) => {
  if (typeof value !== 'number' || !(value >= 0)) throw optionError(name, 'a number that is not negative', value)
}

export const isPositiveInteger: OptionRule = (name, value) => {
  if (!Number.isInteger(value) || (value as number) < 1) throw optionError(name, 'a whole number above 0', value)
}

const isAbsolute = (value: unknown): value is string =>
  typeof value === 'string' && URL.canParse(value) && !/[#\s]/.test(value)

const optionError = (name: string, expected: string, value: unknown) =>
  new TypeError(
    `${name} must be ${expected}, not ${shown(value)}.${value === undefined ? ' Leave it out for its default.' : ''}`,
  )

/** A secret is never given to these rules with a value worth repeating: what is wrong with it is that it is empty. */
function shown(value: unknown): string {
  if (typeof value === 'string' || Array.isArray(value)) return JSON.stringify(value)
  return typeof value === 'object' && value !== null ? 'an object' : String(value)
}
