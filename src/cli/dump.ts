import type { Command } from 'commander'
import packageJson from '../../package.json' with { type: 'json' }
import type { CollectionWindow } from '../deployment/restoration.ts'
import { CommandError, UsageError } from './errors.ts'
import { examples, JSON_OPTION, type JsonOption } from './options.ts'
import { note, printResult } from './output.ts'
import { type CollectOptions, collectOptions, restoredCommand, windowOf } from './restored.ts'

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

  collectOptions(postern.command('restore'))
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

  restoredCommand(postern)
  exportCommand(postern)
}

/** Rows in a documented form, for other programs; a dump is for `postern restore`. */
function exportCommand(postern: Command): void {
  postern
    .command('export')
    .description(
      'Write users, clients and tokens as NDJSON, in the form that docs/export.md describes, for other programs and for ' +
        '`postern import tokens`. Stop the server before you export the embedded database.',
    )
    .argument('<file>', 'new file, compressed if its name ends with .gz, or - for standard output')
    .option(...JSON_OPTION)
    .addHelpText('after', examples('postern export tokens.ndjson.gz', 'postern export - | jq .row.name'))
    .action(async (file: string, { json }: JsonOption) => {
      if (file === '-' && json) throw new UsageError('Standard output contains the rows, so --json needs a file.')
      const { writeFile } = await import('../dump/file.ts')
      const { exportRows } = await import('../import/export.ts')
      const { withServices } = await import('./services.ts')
      const rows = await withServices(
        ({ db }) => writeFile(file, write => exportRows(db, write), { gzip: file.endsWith('.gz') }),
        'read',
      )
      if (file !== '-') printResult(json, { file, rows }, `Wrote ${rows} rows to ${file}`)
    })
}

async function dump(file: string, { json }: JsonOption): Promise<void> {
  if (file === '-' && (json || process.stdout.isTTY)) {
    throw new UsageError(
      'A dump cannot be written to a terminal, or to standard output with --json. Name a file, or redirect standard output.',
    )
  }
  const { dumpTo } = await import('./dump-database.ts')
  const { rows, withKey } = await dumpTo(file, packageJson.version)
  if (file !== '-') printResult(json, { file, rows, contains_app_key: withKey }, `Wrote ${rows} rows to ${file}`)
  if (!json) note(withKey ? WITH_KEY : WITHOUT_KEY)
}

async function restore(file: string, options: JsonOption & CollectOptions): Promise<void> {
  const { json } = options
  const window = windowOf(options)
  const { restoreFrom } = await import('./restore-database.ts')
  const { rows, createdAt } = await restoreFrom(file)
  if (window) await collectRestored(window)
  printResult(json, { rows, created_at: createdAt }, `Restored ${rows} rows as of ${createdAt}`)
}

/** The rows are there by now, so a failure says how to go on. */
async function collectRestored(window: CollectionWindow): Promise<void> {
  const { reopenCollection } = await import('../dump/collect.ts')
  const { withServices } = await import('./services.ts')
  await withServices(({ db }) => reopenCollection(db, window)).catch(error => {
    throw new CommandError(
      `The dump is restored, but revocations are not collected: ${error.message} Then: postern restored --reopen --collect`,
    )
  })
}
