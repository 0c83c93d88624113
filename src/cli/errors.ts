import { CommanderError } from 'commander'
import { LoginError } from '../../packages/guard/src/login/error.ts'
import { type FieldError, PosternError, StartupError } from '../errors/errors.ts'
import { printable } from './output.ts'

/** Wrong usage that Commander does not detect. */
export class UsageError extends Error {}

/** Something that an argument names does not exist, or the command cannot run now. */
export class CommandError extends Error {}

/** The result of a command whose exit code is its answer. It is no failure, so nothing is written to stderr. */
export class ExitCode extends Error {
  readonly code: number

  constructor(code: number) {
    super(`exit code ${code}`)
    this.code = code
  }
}

/** 2: wrong usage, nothing was done. 1: the command failed. Others: the answer of a command. */
export function exitCode(error: unknown): number {
  if (error instanceof ExitCode) return error.code
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
  if (error instanceof LoginError) return oneLine(signInAdvice(error))
  const message = databaseMessage(error)
  if (message) return `The database reported an error: ${oneLine(message)}.`
  return (error as Error)?.stack ?? String(error)
}

const signInAdvice = ({ code, message }: LoginError) =>
  code === 'not_signed_in' ? `${message} Run: postern login` : message

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
