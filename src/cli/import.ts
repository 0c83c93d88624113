import { type Command, InvalidArgumentError, Option } from 'commander'
import { MAX_SECONDS, parseDuration } from '../config/duration.ts'
import { isStorable, parseDay } from '../http/time.ts'
import type { ImportableSystem } from '../import/systems/systems.ts'
import type { ImportOptions } from './import-from.ts'
import { examples, JSON_OPTION } from './options.ts'
import { printable, printResult } from './output.ts'
import { withServices } from './services.ts'

export function importCommands(postern: Command): void {
  const command = postern
    .command('import')
    .description('Import tokens from another system. They then work here as they did there.')

  shared(command.command('sanctum'), 'sanctum')
    .description('Import personal access tokens of Laravel Sanctum, with their users.')
    .option('--expiration <minutes>', 'the setting sanctum.expiration, if it is set', minutesOption)
    .action(options => run('sanctum', options))

  passportCommand(command)

  shared(command.command('tokens'), 'tokens')
    .description('Import tokens of any system, in the form that `postern export` writes (docs/export.md).')
    .action(options => run('tokens', options))

  shared(command.command('doorkeeper'), 'doorkeeper')
    .description('Import tokens, refresh tokens and applications of Doorkeeper, with their users.')
    .option(
      '--hashed-since <time>',
      'since when the source stores hashes, or `never` (default: inferred from the length of older values)',
      hashedSinceOption,
    )
    .action(options => run('doorkeeper', options))
}

function passportCommand(command: Command): void {
  shared(command.command('passport'), 'passport')
    .description(
      'Import tokens, refresh tokens and clients of Laravel Passport, with their users. Its JWTs work once their public ' +
        'key is trusted: postern keys trust oauth-public.key.',
    )
    .option('--app-key <file>', 'file with the APP_KEY of Laravel, such as its .env, to exchange refresh tokens')
    .action(options => run('passport', options))
}

function shared(command: Command, system: ImportableSystem): Command {
  return command
    .requiredOption(
      '--from <source>',
      'mysql://…, postgres://…, a dump by mysqldump or pg_dump, or rows in NDJSON (rows.ndjson)',
    )
    .addOption(
      new Option('--dialect <system>', 'system that wrote a dump which does not say it').choices(['mysql', 'postgres']),
    )
    .option('--source <name>', 'name of this source; each database has its own', system)
    .option('--dry-run', 'write nothing; report what an import would do')
    .option(
      '--users <how>',
      'by-email, create, or a file map.csv with lines `<id in the source>,<e-mail or ID>`',
      'by-email',
    )
    .option(
      '--unconfirmed-emails',
      'match users also by e-mail addresses that were never confirmed, in the source or here: whoever entered the address ' +
        'of another person gets the tokens of that person',
    )
    .option('--user-type <type=table...>', 'table of users that a class, alias or provider of the source means')
    .option('--scopes <file>', 'map of scopes in JSON: {"read": ["orders:read"], "old": []}')
    .option('--time-zone <zone>', 'time zone of the dates of the source, such as Europe/Berlin', 'UTC')
    .option('--since <time>', 'only tokens that were created or changed since this time')
    .option(
      '--expires <end>',
      'end of tokens without an end: a duration such as 1y, or a date (default: P1Y)',
      endOption,
    )
    .option(...JSON_OPTION)
    .addHelpText(
      'after',
      examples(
        `postern import ${system} --from dump.sql --dry-run`,
        `postern import ${system} --from mysql://reader@db.example.com/app --users create --time-zone Europe/Berlin`,
      ),
    )
}

async function run(system: ImportableSystem, options: ImportOptions): Promise<void> {
  const { importFrom } = await import('./import-from.ts')
  const report = await withServices(services => importFrom(services, system, options))
  const { reportText } = await import('../import/report.ts')
  printResult(options.json, report, reportText(report).split('\n').map(printable).join('\n'))
}

function minutesOption(text: string): number {
  const minutes = Number(text)
  if (Number.isInteger(minutes) && minutes > 0 && minutes <= MAX_SECONDS / 60) return minutes
  throw new InvalidArgumentError('It must be a number of minutes, of at most 100 years.')
}

const TIME = /^\d{4}-\d\d-\d\dT/

function timeOption(text: string): Date {
  const date = parseDay(text) ?? (TIME.test(text) ? new Date(text) : undefined)
  if (date && isStorable(date)) return date
  throw new InvalidArgumentError('It must be a time such as 2022-01-01 or 2022-01-01T12:00:00Z.')
}

const hashedSinceOption = (text: string) => (text === 'never' ? null : timeOption(text))

function endOption(text: string): Date {
  const seconds = parseDuration(text)
  const end = seconds === undefined ? timeOption(text) : new Date(Date.now() + seconds * 1_000)
  if (end.getTime() > Date.now()) return end
  throw new InvalidArgumentError('It must be in the future.')
}
