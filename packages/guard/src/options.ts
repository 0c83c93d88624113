import { normalizeIssuer } from './issuer-url.ts'

/** Validates the value of one option. @throws TypeError that names the option */
export type OptionRule = (name: string, value: unknown) => void

/**
 * Validates options when a guard is created. An omitted option has its default; an option that is present must have a valid
 * value, so that `{ audience: process.env.NOT_SET }` stops the start instead of disabling a check.
 * @param where the called function, for the message
 * @throws TypeError that names the option and its valid values
 */
export function checkOptions(where: string, options: object, rules: Readonly<Record<string, OptionRule>>): void {
  if (typeof options !== 'object' || options === null) {
    throw new TypeError(`${where} requires an object of options, not ${shown(options)}.`)
  }
  for (const [name, rule] of Object.entries(rules)) {
    if (name in options) rule(`${where}: ${name}`, (options as Record<string, unknown>)[name])
  }
}

/** Requires options. @throws TypeError that names the first missing one */
export function requireOptions(where: string, options: object, names: readonly string[]): void {
  const missing = names.find(name => !(name in options))
  if (missing) throw new TypeError(`${where}: ${missing} is missing.`)
}

/** Allows `undefined` for an option that does not affect security. */
export const optional =
  (rule: OptionRule): OptionRule =>
  (name, value) => {
    if (value !== undefined) rule(name, value)
  }

/** Rejects the former name of an option, since ignoring it would silently change the guard. */
export const renamedTo =
  (newName: string): OptionRule =>
  name => {
    throw new TypeError(`${name} is now called ${newName}.`)
  }

export const isNonEmptyString: OptionRule = (name, value) => {
  if (typeof value !== 'string' || value.trim() === '') throw optionError(name, 'a non-empty string', value)
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

/** One absolute URI, or a non-empty list of them. */
export const isUriOrList: OptionRule = (name, value) => {
  if (Array.isArray(value)) isUriList(name, value)
  else isUri(name, value)
}

export const isUriList: OptionRule = (name, value) => {
  if (!Array.isArray(value) || value.length === 0) throw optionError(name, 'a non-empty list of URLs', value)
  value.forEach((member, i) => void isUri(`${name}[${i}]`, member))
}

/** An issuer identifier (RFC 8414 §2). */
export const isIssuer: OptionRule = (name, value) => {
  if (normalizeIssuer(value) === undefined) {
    const expected =
      'an http or https URL without query, fragment, user or // in its path, such as "https://id.example.com"'
    throw optionError(name, expected, value)
  }
}

export const isIssuerList: OptionRule = (name, value) => {
  if (!Array.isArray(value) || value.length === 0) throw optionError(name, 'a non-empty list of issuers', value)
  value.forEach((member, i) => void isIssuer(`${name}[${i}]`, member))
}

/** A list of scopes. It may be empty, since a token may have none. */
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

/** Zero or more. Rejects NaN. */
export const isNonNegative: OptionRule = (name, value) => {
  if (typeof value !== 'number' || !(value >= 0)) throw optionError(name, 'a non-negative number', value)
}

export const isPositiveInteger: OptionRule = (name, value) => {
  if (!Number.isInteger(value) || (value as number) < 1) throw optionError(name, 'a positive integer', value)
}

const isAbsolute = (value: unknown): value is string =>
  typeof value === 'string' && URL.canParse(value) && !/[#\s]/.test(value)

const optionError = (name: string, expected: string, value: unknown) =>
  new TypeError(
    `${name} must be ${expected}, not ${shown(value)}.${value === undefined ? ' Omit it to use the default.' : ''}`,
  )

/** Safe for secrets: the only value of a secret that these rules reject is an empty one. */
function shown(value: unknown): string {
  if (typeof value === 'string' || Array.isArray(value)) return JSON.stringify(value)
  return typeof value === 'object' && value !== null ? 'an object' : String(value)
}
