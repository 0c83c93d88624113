import { existsSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { appKeyFile, readStoredAppKey } from '../config/app-key.ts'
import { folderProblem } from '../config/folder-problem.ts'
import { postgresFolder } from '../database/embedded/existing.ts'
import { lockFolder } from '../database/embedded/lock.ts'
import { requireAppKey } from '../dump/app-key.ts'
import { loadDump } from '../dump/load.ts'
import type { Dump } from '../dump/read.ts'
import { StartupError } from '../errors/errors.ts'
import { openDatabase } from '../open-database.ts'

/** The database is restored here and moved to its place when it is complete. */
const restoreFolder = (dataDir: string) => join(dataDir, 'restoring')
/** Files that an empty data directory may contain: a lock, a key, an aborted restore, and what a file system creates. */
const NOT_DATA = /^(lock(-journal)?|app\.key|restoring|lost\+found)$/

/**
 * Restores a dump into an empty or new data directory, completely or not at all.
 * @param givenKey the APP_KEY of the environment
 * @returns the number of rows
 * @throws StartupError when the directory is not empty, or the dump is incomplete
 */
export async function restoreEmbedded(dataDir: string, dump: Dump, givenKey: string | undefined): Promise<number> {
  requireEmpty(dataDir)
  requireAppKey(dump.header, [givenKey, readStoredAppKey(dataDir)])
  const unlock = lockFolder(dataDir)
  try {
    requireEmpty(dataDir)
    return await restoreRows(dataDir, dump)
  } finally {
    rmSync(restoreFolder(dataDir), { recursive: true, force: true })
    unlock()
  }
}

function requireEmpty(dataDir: string): void {
  const entries = entriesOf(dataDir).filter(name => !NOT_DATA.test(name))
  if (entries.length === 0) return
  throw new StartupError(
    `${dataDir} is not empty, and data is never overwritten. Set DATA_DIR to an empty directory, or move this one away.`,
  )
}

function entriesOf(dataDir: string): string[] {
  try {
    return readdirSync(dataDir)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw folderProblem(dataDir, error)
  }
}

async function restoreRows(dataDir: string, dump: Dump): Promise<number> {
  const folder = restoreFolder(dataDir)
  rmSync(folder, { recursive: true, force: true })
  const db = await openDatabase({ databaseUrl: undefined, databasePoolSize: 1, dataDir: folder })
  const rows = await loadDump(db, dump).finally(() => db.close())
  try {
    const { app_key: key } = dump.header
    if (key && !existsSync(appKeyFile(dataDir))) {
      writeFileSync(appKeyFile(dataDir), `${key}\n`, { mode: 0o600, flag: 'wx' })
    }
    renameSync(postgresFolder(folder), postgresFolder(dataDir))
  } catch (error) {
    throw folderProblem(dataDir, error)
  }
  return rows
}
