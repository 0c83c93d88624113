import type { Command } from 'commander'
import packageJson from '../../package.json' with { type: 'json' }
import { UsageError } from './errors.ts'
import { examples, JSON_OPTION, type JsonOption } from './options.ts'
import { answer, note } from './output.ts'

const WITH_KEY = 'The dump contains the APP_KEY of this database: keep it as secret as a password.'
const WITHOUT_KEY = 'The dump does not contain APP_KEY, which its secrets are encrypted with: keep that key too.'

export function dumpCommands(postern: Command): void {
  postern
    .command('dump')
    .description(
      'Write every row of the database into a new file, as of one moment, for `postern restore`. ' +
        'The embedded database is dumped while no server runs on it, a PostgreSQL beside running servers.',
    )
    .argument('<file>', 'a file that does not exist yet; - for standard output')
    .option(...JSON_OPTION)
    .addHelpText('after', examples('postern dump backup.gz', 'postern dump - | gpg -e -r ops@example.com > backup.gpg'))
    .action(dump)

  postern
    .command('restore')
    .description(
      'Put a dump into an empty database: an empty or absent DATA_DIR, or a new database in DATABASE_URL. ' +
        'It may come from an earlier version, and from either kind of database.',
    )
    .argument('<file>', 'what `postern dump` wrote; - for standard input')
    .option(...JSON_OPTION)
    .addHelpText(
      'after',
      examples('DATA_DIR=./restored postern restore backup.gz', 'DATABASE_URL=postgres://… postern restore backup.gz'),
    )
    .action(restore)
}

async function dump(file: string, { json }: JsonOption): Promise<void> {
  if (file === '-' && (json || process.stdout.isTTY)) {
    throw new UsageError('A dump does not go to a terminal or beside JSON. Name a file, or redirect standard output.')
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
