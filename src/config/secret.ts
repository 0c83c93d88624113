import { readFileSync } from 'node:fs'
import { StartupError } from '../errors/errors.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/**
 * Reads a secret from the environment, or from the file that `<name>_FILE` names, as container platforms mount them. A
 * byte order mark and trailing newlines of the file are not part of the secret.
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
