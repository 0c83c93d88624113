import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { folderProblem, obstacle } from '../../config/folder-problem.ts'
import { StartupError } from '../../errors/errors.ts'

/** Where the embedded PostgreSQL keeps its files. */
export const postgresFolder = (dataDir: string) => join(dataDir, 'postgres')

/** The file that is there while a database is being created: what it stands beside is half a database. */
export const unfinishedMarker = (folder: string) => `${folder}.new`

/** @returns false where a start would create a database. What stands there but is damaged counts as one. */
export function hasDatabase(dataDir: string): boolean {
  const folder = postgresFolder(dataDir)
  if (existsSync(unfinishedMarker(folder)) || !existsSync(folder)) return false
  return readdirSync(folder).length > 0
}

/**
 * For commands that work on what is there, and create nothing.
 * @throws StartupError where there is no database
 */
export function requireDatabase(dataDir: string): void {
  if (!readable(dataDir) || !hasDatabase(dataDir)) throw noDatabase(dataDir)
}

/**
 * As `requireDatabase`, for whoever opens no database.
 * @throws StartupError where there is not even a directory
 */
export function requireDataDir(dataDir: string): void {
  if (!readable(dataDir)) throw noDatabase(dataDir)
}

const noDatabase = (dataDir: string) =>
  new StartupError(
    `There is no database in ${dataDir}; \`npm start\` creates one. If it is elsewhere, set DATA_DIR to its directory.`,
  )

/**
 * @returns false where there is nothing
 * @throws StartupError where there is something else than a directory that this user can read
 */
function readable(dataDir: string): boolean {
  try {
    readdirSync(dataDir)
    return true
  } catch (error) {
    const nothing = (error as NodeJS.ErrnoException).code === 'ENOENT' && !obstacle(dataDir)
    if (nothing) return false
    throw folderProblem(dataDir, error)
  }
}
