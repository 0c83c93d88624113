import { existsSync, lstatSync, mkdirSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { StartupError } from '../errors/errors.ts'

/**
 * Creates a directory and its missing parents, accessible to their owner only. Node's recursive `mkdir` never returns
 * where creating a directory fails with ENOENT, as below /proc.
 * @throws the error of the file system; StartupError when it belongs to another user and everybody can write to it
 */
export function createFolder(folder: string): void {
  const missing: string[] = []
  for (let at = folder; !existsSync(at) && at !== dirname(at); at = dirname(at)) missing.unshift(at)
  for (const path of missing) createOne(path)
  assertNotOpenToAll(folder)
}

function createOne(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 })
  } catch (error) {
    // Another process may have created it at the same time.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}

const WRITABLE_BY_ALL = 0o002

/** Its owner and everybody else could replace the key or the database, and this process cannot change its permissions. */
function assertNotOpenToAll(folder: string): void {
  // What cannot be looked at, such as a loop of links, fails with its own error when it is used.
  const at = lstatSync(folder).isSymbolicLink() && !existsSync(folder) ? undefined : statSync(folder)
  if (!at || process.platform === 'win32' || at.uid === process.getuid?.() || (at.mode & WRITABLE_BY_ALL) === 0) return
  throw new StartupError(
    `DATA_DIR ${folder} belongs to another user and everybody can write to it. Run \`chmod o-w\` on it, or set DATA_DIR to a directory of this user.`,
  )
}
