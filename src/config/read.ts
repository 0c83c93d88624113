import Schema from 'typebox/schema'
import { StartupError } from '../errors/errors.ts'
import type { Kind } from './kinds.ts'
import type { Setting } from './schema.ts'
import { type Environment, secret } from './secret.ts'

type Readable = Pick<Setting, 'variable' | 'kind'>

/** @returns undefined when the variable is not set or empty. @throws StartupError for an invalid value */
export function fromEnvironment({ variable, kind }: Readable, env: Environment): unknown {
  const text = kind.isSecret ? secret(env, variable) : env[variable]
  return text ? checked(variable, kind, kind.parse(text), text) : undefined
}

/** Reads an option of `openPostern`. @throws TypeError for an empty value; StartupError for an invalid one */
export function fromOption(option: string, { variable, kind }: Readable, options: object): unknown {
  const value: unknown = (options as Record<string, unknown>)[option]
  const isOptional = Schema.Check(kind.schema, undefined)
  if (value === null || value === '' || (value === undefined && !isOptional)) {
    const hint = value === undefined ? ' Leave it out for its default.' : ''
    throw new TypeError(`openPostern: ${option} must be ${kind.expected}, not ${shown(value)}.${hint}`)
  }
  return value === undefined ? undefined : checked(variable, kind, parsed(kind, value), value)
}

function parsed(kind: Kind, value: unknown): unknown {
  if (typeof value === 'string') return kind.parse(value)
  // A list is normalized like the comma-separated text of its variable.
  return Array.isArray(value) && value.length > 0 ? kind.parse(value.join(',')) : value
}

function checked(variable: string, kind: Kind, value: unknown, input: unknown): unknown {
  if (value !== undefined && Schema.Check(kind.schema, value)) return value
  throw new StartupError(`${variable} must be ${kind.expected}${kind.isSecret ? '' : `, not ${shown(input)}`}.`)
}

/** The value as an error message shows it. A URL may contain credentials, which are masked. */
const shown = (value: unknown) => (JSON.stringify(value) ?? String(value)).replace(/\/\/[^/"]*@/g, '//…@')
