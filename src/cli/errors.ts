import { CommanderError } from 'commander'
import { type FieldError, PosternError, StartupError } from '../errors/errors.ts'
import { printable } from './output.ts'

/** Wrong usage that Commander does not detect. */
export class UsageError extends Error {}

/** What was named does not exist, or the command cannot run now. */
export class CommandError extends Error {}

/** 2: wrong usage, nothing was done. 1: the command failed. */
export function exitCode(error: unknown): 0 | 1 | 2 {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
  return error instanceof UsageError ? 2 : 1
}

/** One line for an error that the operator can fix; the stack for any other. */
export function explain(error: unknown): string {
  if (error instanceof CommanderError) return oneLine(error.message.replace(/^error: /, ''))
  if (error instanceof PosternError) return oneLine(withOptionNames(error))
  if (error instanceof StartupError || error instanceof UsageError || error instanceof CommandError) {
    return oneLine(error.message)
  }
  const message = databaseMessage(error)
  if (message) return `The database reported an error: ${oneLine(message)}.`
  return (error as Error)?.stack ?? String(error)
}

const oneLine = (text: string) => printable(text.trim().replaceAll(/\s*\n\s*/g, ' '))

const OPTIONS: Record<string, string> = {
  scopes: '--scope',
  redirect_uris: '--redirect-uri',
  grant_types: '--grant',
  resources: '--resource',
  exchange_audiences: '--exchange-audience',
  expires_at: '--expires-in',
  password: 'The password',
}

/** The message with the names of options in place of fields. */
function withOptionNames({ extra, message }: PosternError): string {
  const fields = extra.errors as FieldError[] | undefined
  if (!fields) return message
  return fields.map(({ path, message }) => `${option(path.split('/')[0] as string)} ${message}`).join('; ')
}

const option = (field: string) => OPTIONS[field] ?? `--${field.replaceAll('_', '-')}`

/** Five characters with at least one digit (PostgreSQL, appendix A), unlike `EPIPE`. */
const SQLSTATE = /^(?=.*\d)[0-9A-Z]{5}$/

/** The first line of a PostgreSQL error, without the rows in its details: a missing permission, a full disk. */
function databaseMessage(error: unknown): string | undefined {
  const { code, message } = error as { code?: unknown; message?: string }
  return SQLSTATE.test(String(code)) ? message?.split('\n', 1)[0] : undefined
}
