import { readFileSync } from 'node:fs'
import { StartupError } from '../errors/errors.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/**
 * Reads a secret from the environment, or from the file that `<name>_FILE` names, as container platforms mount them. A
 * byte order mark and white space around the text of a file are not part of the secret: editors and `echo` add them. In a
 * variable they are a mistake of quoting.
 * @throws StartupError when both are given, the variable has white space around it, or the file cannot be read or is empty
 */
export function secret(env: Environment, name: string): string | undefined {
  const file = env[`${name}_FILE`]
  if (!file) return withoutBlanks(name, env[name])
  if (env[name]) throw new StartupError(`${name} and ${name}_FILE are both set: remove one of them.`)
  const text = read(`${name}_FILE`, file)
  if (text !== '') return text
  throw new StartupError(`${name}_FILE ${file} is empty.`)
}

function withoutBlanks(name: string, text: string | undefined): string | undefined {
  if (text === undefined || text.trim() === text) return text || undefined
  throw new StartupError(`${name} must not begin or end with white space. Remove it, or name a file by ${name}_FILE.`)
}

function read(name: string, file: string): string {
  try {
    return readFileSync(file, 'utf8')
      .replace(/^\uFEFF/, '')
      .trim()
  } catch (error) {
    throw new StartupError(`${name} ${file} cannot be read (${(error as NodeJS.ErrnoException).code}).`, error)
  }
}
