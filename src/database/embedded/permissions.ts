import { chmodSync, lstatSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

/** The files that Postern creates in a data directory. */
const OWN = /^(postgres(\.new)?|restoring|lock(-journal|-[0-9a-f]{12})?|app\.key)$/

/**
 * Removes all permissions of group and others: a directory that existed before may let them read keys and write rows. The
 * directory itself is changed only if it contains nothing else, since it may be a shared one such as /var/lib. Files of
 * other users are left unchanged.
 * @throws the error of the file system
 */
export function closeToOthers(folder: string): void {
  if (process.platform === 'win32') return
  const entries = readdirSync(folder)
  const own = entries.filter(name => OWN.test(name))
  for (const name of own) closeOne(join(folder, name))
  if (own.length === entries.filter(name => name !== 'lost+found').length) closeOne(folder)
}

function closeOne(path: string): void {
  const { mode, uid } = lstatSync(path)
  const link = (mode & 0o170000) === 0o120000
  if (link || uid !== process.getuid?.() || (mode & 0o077) === 0) return
  chmodSync(path, mode & 0o700)
}
