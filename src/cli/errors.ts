import { CommanderError } from 'commander'
import { type FieldError, PosternError, StartupError } from '../errors/errors.ts'
import { printable } from './output.ts'

/** Wrong usage that only the command itself can see. */
export class UsageError extends Error {}

/** Something a person named that does not exist, or cannot be done now. */
export class CommandError extends Error {}

/** 2: the command line could not be understood, and nothing was tried. 1: it was tried and failed. */
export function exitCode(error: unknown): 0 | 1 | 2 {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
  return error instanceof UsageError ? 2 : 1
}

/** One line for what a person can mend, the whole error for what only we can. */
export function explain(error: unknown): string {
  if (error instanceof CommanderError) return oneLine(error.message.replace(/^error: /, ''))
  if (error instanceof PosternError) return oneLine(inOptions(error))
  if (error instanceof StartupError || error instanceof UsageError || error instanceof CommandError) {
    return oneLine(error.message)
  }
  const refusal = refusalOfDatabase(error)
  if (refusal) return `The database refused it: ${oneLine(refusal)}.`
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

/** The domain names fields as they are on the wire; here they are options. */
function inOptions({ extra, message }: PosternError): string {
  const fields = extra.errors as FieldError[] | undefined
  if (!fields) return message
  return fields.map(({ path, message }) => `${option(path.split('/')[0] as string)} ${message}`).join('; ')
}

const option = (field: string) => OPTIONS[field] ?? `--${field.replaceAll('_', '-')}`

/** A class and a condition, with at least one digit (PostgreSQL, appendix A); `EPIPE` is none. */
const SQLSTATE = /^(?=.*\d)[0-9A-Z]{5}$/

/** What PostgreSQL says, without the rows that it adds as a detail: a missing permission, a full disk. */
function refusalOfDatabase(error: unknown): string | undefined {
  const { code, message } = error as { code?: unknown; message?: string }
  return SQLSTATE.test(String(code)) ? message?.split('\n', 1)[0] : undefined
}
