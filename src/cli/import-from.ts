import { readFile } from 'node:fs/promises'
import type { SingleBar } from 'cli-progress'
import { StartupError } from '../errors/errors.ts'
import { IdSet } from '../import/id-set.ts'
import { createReadTime, isTimeZone, type ReadTime } from '../import/naive-time.ts'
import { type Part, type Report, ReportBuilder } from '../import/report.ts'
import { runImport } from '../import/run.ts'
import { openSource } from '../import/source/open.ts'
import type { SourceRow } from '../import/source/source.ts'
import type { Dialect } from '../import/source/survey.ts'
import { type ImportableSystem, READERS } from '../import/systems/systems.ts'
import type { UserMode } from '../import/users.ts'
import { loadRefreshHash } from '../imported/refresh-hash.ts'
import { encryptSourceKey } from '../imported/refresh-texts.ts'
import { createMapScopes, readScopeMap, type ScopeMap } from '../imported/scopes.ts'
import type { Services } from '../services.ts'
import { UsageError } from './errors.ts'
import type { JsonOption } from './options.ts'

/** The options of the command. */
export interface ImportOptions extends JsonOption {
  from: string
  dialect?: Dialect
  source?: string
  dryRun?: boolean
  users: string
  unconfirmedEmails?: boolean
  scopes?: string
  timeZone: string
  since?: string
  expires?: Date
  userType?: string[]
  expiration?: number
  hashedSince?: Date | null
  appKey?: string
}

/** Columns that say when a row was created or changed. */
const CHANGE_COLUMNS = ['updated_at', 'created_at', 'revoked_at', 'last_used_at']
/** A name that is part of audit entries and messages. */
const SOURCE_NAME = /^[\w.-]{1,64}$/

/** Runs an import by the options of the command. @throws UsageError, StartupError */
export async function importFrom(
  services: Services,
  system: ImportableSystem,
  options: ImportOptions,
): Promise<Report> {
  const { source = system, dryRun = false, timeZone } = options
  if (!SOURCE_NAME.test(source))
    throw new UsageError('--source must be 1 to 64 letters, digits, dots, dashes or underscores.')
  if (!isTimeZone(timeZone))
    throw new UsageError(`--time-zone ${timeZone} is not the name of a time zone, such as Europe/Berlin.`)
  const readTime = createReadTime(timeZone)
  const report = new ReportBuilder()
  const map = await scopeMap(services, options)
  const mapScopes = createMapScopes(map, services.catalogue)
  const encryptedKey = options.appKey && (await encryptSourceKey(services.keyRing, await appKeyOf(options.appKey)))
  const users = { mode: await userMode(options.users), unconfirmedEmails: options.unconfirmedEmails ?? false }
  const from = await openSource(options.from, options.dialect)
  for (const note of from.notes) report.note(note)
  const progress = await startProgress()
  try {
    const reader = await READERS[system]({
      hashedSince: options.hashedSince,
      expirationMinutes: options.expiration,
      source,
      refreshHash: await loadRefreshHash(services.db, services.keyRing),
      from,
      report,
      readTime,
      userTypes: userTypes(options.userType),
    })
    const context = {
      services: { ...services, takeStatusReference: services.indices.take },
      source,
      from,
      report,
      dryRun,
      planned: new IdSet(),
    }
    await runImport(context, {
      system,
      reader,
      users,
      mapScopes,
      scopeMap: map,
      encryptedKey: encryptedKey || undefined,
      neverEndsAt: options.expires,
      isRecent: recentOnly(options.since, readTime),
      onProgress: progress?.update,
    })
  } finally {
    progress?.stop()
    await from.close()
  }
  return report.build({ source, system, dry_run: dryRun })
}

async function scopeMap({ catalogue }: Services, { scopes: file }: ImportOptions): Promise<ScopeMap> {
  return file === undefined ? new Map() : readScopeMap(await textOf(file), file, catalogue)
}

/** Reads the `APP_KEY` of Laravel from its `.env`, or from a file that contains nothing else. */
async function appKeyOf(file: string): Promise<string> {
  const text = await textOf(file)
  const [, named] = /^APP_KEY=(.*)$/m.exec(text) ?? []
  const key = (named ?? text).trim().replace(/^"(.*)"$/, '$1')
  if (key !== '' && !/\s/.test(key)) return key
  throw new StartupError(`${file} contains no APP_KEY.`)
}

async function userMode(how: string): Promise<UserMode> {
  if (how === 'by-email' || how === 'create') return how
  const lines = (await textOf(how)).split(/\r?\n/).filter(line => line.trim() !== '')
  return new Map(lines.map((line, i) => mapping(line, `${how}, line ${i + 1}`)))
}

function mapping(line: string, where: string): [string, string] {
  const [from, to, ...more] = line.split(/[,;]/).map(field => field.trim().replace(/^"(.*)"$/, '$1'))
  if (from && to !== undefined && more.length === 0) return [from, to]
  throw new StartupError(
    `${where}: it must be the ID of a user in the source, a comma, and an e-mail address or ID here.`,
  )
}

async function textOf(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new StartupError(`${file} cannot be read (${error.code}).`, error)
  })
}

function userTypes(pairs: readonly string[] = []): ReadonlyMap<string, string> {
  return new Map(
    pairs.map((pair): [string, string] => {
      const [, type, table] = /^(.+)=([\w$]+)$/.exec(pair) ?? []
      if (type && table) return [type, table]
      throw new UsageError(`--user-type ${pair}: it must be a type and a table, such as App\\Models\\Admin=admins.`)
    }),
  )
}

/** A time without a zone is one of the source. */
function recentOnly(since: string | undefined, readTime: ReadTime): ((row: SourceRow) => boolean) | undefined {
  if (since === undefined) return undefined
  const from = readTime(since)
  if (!from) throw new UsageError('--since must be a time such as 2026-11-01 or 2026-11-01 12:00:00.')
  return row => CHANGE_COLUMNS.some(column => (readTime(row[column]) ?? 0) >= from)
}

const TITLES: Record<Part, string> = {
  users: 'users',
  clients: 'clients',
  tokens: 'access tokens',
  refresh_tokens: 'refresh tokens',
}

/** Shows the progress on a terminal. */
async function startProgress() {
  if (!process.stderr.isTTY) return undefined
  const { SingleBar, Presets } = await import('cli-progress')
  const bar: SingleBar = new SingleBar(
    { format: '{bar} {percentage}% of the {part} | {eta_formatted} left' },
    Presets.rect,
  )
  let part: Part | undefined
  return {
    update(next: Part, done: number, total: number) {
      if (next !== part) bar.start(total, 0, { part: TITLES[next] })
      part = next
      bar.update(done)
    },
    stop: () => bar.stop(),
  }
}
