import { readFileSync } from 'node:fs'
import { StartupError } from './errors.ts'

type Environment = Readonly<Record<string, string | undefined>>

/**
 * A secret from the environment, or from the file that `<name>_FILE` names, as container platforms mount them. A byte
 * order mark and the newlines at the end of a file are not part of the secret.
 * @throws StartupError when both are given, or the file cannot be read or is empty
 */
export function secret(env: Environment, name: string): string | undefined {
  const file = env[`${name}_FILE`]
  if (!file) return env[name] || undefined
  if (env[name]) throw new StartupError(`${name} and ${name}_FILE are both set: remove one of them.`)
  const text = read(`${name}_FILE`, file)
  if (text !== '') return text
  throw new StartupError(`${name}_FILE ${file} is empty.`)
}

function read(name: string, file: string): string {
  try {
    return readFileSync(file, 'utf8')
      .replace(/^\uFEFF/, '')
      .replace(/[\r\n]+$/, '')
  } catch (error) {
    throw new StartupError(`${name} ${file} cannot be read (${(error as NodeJS.ErrnoException).code}).`, error)
  }
}

/** What a bearer token may consist of (b64token of RFC 6750 §2.1): anything else never arrives as it was written. */
const BEARER = /^[\w.~+/-]+=*$/
const SHORTEST = 32

/**
 * A secret that callers send as a bearer token.
 * @throws StartupError that does not repeat it
 */
export function bearerSecret(name: string, text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  if (!BEARER.test(text)) {
    throw new StartupError(
      `${name} must consist of letters, digits and -._~+/ alone, without spaces, quotes or newlines, ` +
        'since it is sent in a header: openssl rand -base64 32',
    )
  }
  if (text.length >= SHORTEST) return text
  throw new StartupError(`${name} must have at least ${SHORTEST} characters: openssl rand -base64 32`)
}
