import { type Command, Option } from 'commander'
import type { Database } from '../database/database.ts'
import { takeLock } from '../database/locks.ts'
import { ExitCode } from './errors.ts'
import { examples, JSON_OPTION, type JsonOption } from './options.ts'
import { printResult } from './output.ts'
import { withBareServices } from './services.ts'

/** One connection holds the lock while another one migrates. */
const LOCK_AND_WORK = 2

export function serveCommand(postern: Command): void {
  postern
    .command('serve')
    .description('Run the server until SIGINT or SIGTERM. The embedded database is migrated at startup.')
    .addHelpText('after', examples('postern serve', 'PORT=8080 ISSUER=https://id.example.com postern serve'))
    .action(async () => {
      const { loadConfig } = await import('../config/config.ts')
      const { serve } = await import('../server.ts')
      await serve(loadConfig())
    })
}

export function migrateCommand(postern: Command): void {
  postern
    .command('migrate')
    .description(
      'Migrate the database, and create the signing keys and the personal access client if they are missing. ' +
        'Several nodes can run it at the same time.',
    )
    .option(
      '--check',
      'change nothing, and report by the exit code: 0 nothing to do, 2 safe while nodes of the previous release serve, ' +
        '3 stop them first',
    )
    .addOption(
      new Option(
        '--online',
        'migrate only if that is safe while nodes of the previous release serve; else change nothing, with exit code 3',
      ).conflicts('check'),
    )
    .option(...JSON_OPTION)
    .addHelpText(
      'after',
      examples(
        'DATABASE_URL=postgres://… APP_KEY=… postern migrate',
        'postern migrate --online',
        'postern migrate --check || echo $?',
      ),
    )
    .action(async ({ check, online = false, json }: MigrateOptions) => {
      if (check) return checkMigrations(json)
      const applied = await migrateDatabase(online)
      const lines = applied.map(name => `Applied ${name}`)
      printResult(json, { applied }, lines.length > 0 ? lines.join('\n') : 'The database is up to date.')
    })
}

interface MigrateOptions extends JsonOption {
  check?: boolean
  online?: boolean
}

const SAFE = 2
const NEEDS_STOP = 3

async function checkMigrations(json: boolean | undefined): Promise<void> {
  const { pendingMigrations } = await import('../database/pending-migrations.ts')
  const pending = await withBareServices(({ db }) => pendingMigrations(db), { access: 'read' })
  const stops = pending.filter(({ needsStop }) => needsStop !== null)
  const lines = pending.map(({ name, needsStop }) => `${name}: ${needsStop ?? 'safe while nodes serve'}`)
  const data = pending.map(({ name, needsStop }) => ({ name, needs_stop: needsStop }))
  printResult(json, { pending: data }, lines.length > 0 ? lines.join('\n') : 'The database is up to date.')
  if (pending.length > 0) throw new ExitCode(stops.length > 0 ? NEEDS_STOP : SAFE)
}

/**
 * @param online changes nothing if a migration needs a stop
 * @returns the names of the applied migrations
 */
async function migrateDatabase(online: boolean): Promise<string[]> {
  const { migrate } = await import('../database/migrations.ts')
  return withBareServices(
    async services => {
      const { db } = services
      const work = async () => {
        if (online) await assertNoStop(db)
        return migrate(db)
      }
      const applied = db.embedded ? await work() : await oneAtATime(db, work)
      await services.ensureRows()
      return applied
    },
    { connections: LOCK_AND_WORK },
  )
}

async function assertNoStop(db: Database): Promise<void> {
  const { pendingMigrations } = await import('../database/pending-migrations.ts')
  const stops = (await pendingMigrations(db)).filter(({ needsStop }) => needsStop !== null)
  if (stops.length === 0) return
  const reasons = stops.map(({ name, needsStop }) => `${name}: ${needsStop}`).join('; ')
  process.stderr.write(`postern: Stop all nodes, then migrate without --online. ${reasons}\n`)
  throw new ExitCode(NEEDS_STOP)
}

/**
 * When two processes create the same table, one of them fails. The lock belongs to the transaction, so it also works
 * behind a pooler in transaction mode.
 */
function oneAtATime<T>(db: Database, work: () => Promise<T>): Promise<T> {
  return db.transaction(async em => {
    await takeLock(em, 'migration')
    return work()
  })
}
