import type { Command } from 'commander'
import packageJson from '../../package.json' with { type: 'json' }
import { UsageError } from './errors.ts'
import { examples, JSON_OPTION, type JsonOption } from './options.ts'
import { answer, note } from './output.ts'

const WITH_KEY = 'The dump contains the APP_KEY of this database. Keep it as secret as a password.'
const WITHOUT_KEY = 'The dump does not contain APP_KEY, which its secrets are encrypted with. Back up that key too.'

export function dumpCommands(postern: Command): void {
  postern
    .command('dump')
    .description(
      'Write a consistent snapshot of all rows to a new file, for `postern restore`. ' +
        'Stop the server before you dump the embedded database. PostgreSQL is dumped while servers run.',
    )
    .argument('<file>', 'new file, or - for standard output')
    .option(...JSON_OPTION)
    .addHelpText('after', examples('postern dump backup.gz', 'postern dump - | gpg -e -r ops@example.com > backup.gpg'))
    .action(dump)

  postern
    .command('restore')
    .description(
      'Restore a dump into an empty database: a new or empty DATA_DIR, or a new database in DATABASE_URL. ' +
        'The dump can come from an earlier version and from either kind of database.',
    )
    .argument('<file>', 'dump file, or - for standard input')
    .option(...JSON_OPTION)
    .addHelpText(
      'after',
      examples('DATA_DIR=./restored postern restore backup.gz', 'DATABASE_URL=postgres://… postern restore backup.gz'),
    )
    .action(restore)
}

async function dump(file: string, { json }: JsonOption): Promise<void> {
  if (file === '-' && (json || process.stdout.isTTY)) {
    throw new UsageError(
      'A dump cannot be written to a terminal, or to standard output with --json. Name a file, or redirect standard output.',
    )
  }
  const { dumpTo } = await import('./dump-database.ts')
  const { rows, withKey } = await dumpTo(file, packageJson.version)
  if (file !== '-') answer(json, { file, rows, contains_app_key: withKey }, `Wrote ${rows} rows to ${file}`)
  if (!json) note(withKey ? WITH_KEY : WITHOUT_KEY)
}

async function restore(file: string, { json }: JsonOption): Promise<void> {
  const { restoreFrom } = await import('./restore-database.ts')
  const { rows, createdAt } = await restoreFrom(file)
  answer(json, { rows, created_at: createdAt }, `Restored ${rows} rows as of ${createdAt}`)
}
