import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { folderProblem, obstacle } from '../../config/folder-problem.ts'
import { StartupError } from '../../errors/errors.ts'

/** The directory of the embedded PostgreSQL's files. */
export const postgresFolder = (dataDir: string) => join(dataDir, 'postgres')

/** A file that exists while a database is being created. If it is left over, the database is incomplete. */
export const unfinishedMarker = (folder: string) => `${folder}.new`

/** @returns false: a start would create a database. A damaged database counts as existing. */
export function hasDatabase(dataDir: string): boolean {
  const folder = postgresFolder(dataDir)
  if (existsSync(unfinishedMarker(folder)) || !existsSync(folder)) return false
  return readdirSync(folder).length > 0
}

/**
 * For commands that need an existing database and never create one.
 * @throws StartupError when there is no database
 */
export function requireDatabase(dataDir: string): void {
  if (!readable(dataDir) || !hasDatabase(dataDir)) throw noDatabase(dataDir)
}

/**
 * For commands that need the data directory but do not open the database.
 * @throws StartupError when the directory does not exist or cannot be read
 */
export function requireDataDir(dataDir: string): void {
  if (!readable(dataDir)) throw noDatabase(dataDir)
}

const noDatabase = (dataDir: string) =>
  new StartupError(
    `There is no database in ${dataDir}; \`npm start\` creates one. If it is elsewhere, set DATA_DIR to its directory.`,
  )

/**
 * @returns false: the directory does not exist
 * @throws StartupError when it is not a directory, or this user cannot read it
 */
function readable(dataDir: string): boolean {
  try {
    readdirSync(dataDir)
    return true
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT' && !obstacle(dataDir)
    if (isMissing) return false
    throw folderProblem(dataDir, error)
  }
}
