import { existsSync, lstatSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { StartupError } from '../errors/errors.ts'

const ELSEWHERE = 'or set DATA_DIR to a directory'
const FULL = `the disk is full. Free some space, ${ELSEWHERE} on another disk.`
const FORBIDDEN = `this user has no permission. Change its owner (chown) or its permissions, ${ELSEWHERE} of this user.`
const NO_DIRECTORY = 'no directory can be created there. Set DATA_DIR to another one.'

/** What the error codes of the operating system mean for a data directory, and how to fix it. */
const REASONS: Record<string, string> = {
  ENOSPC: FULL,
  EDQUOT: `the quota of this user is used up. Free some space, ${ELSEWHERE} on another disk.`,
  EROFS: `the file system is read-only. Mount it writable, ${ELSEWHERE} on another one.`,
  EACCES: FORBIDDEN,
  EPERM: FORBIDDEN,
  ENOENT: NO_DIRECTORY,
  EINVAL: NO_DIRECTORY,
  ENOSYS: NO_DIRECTORY,
  ELOOP: 'its symbolic links form a loop. Set DATA_DIR to a directory.',
  ENAMETOOLONG: 'the path is too long. Set DATA_DIR to a shorter one.',
  EIO: `the disk reports an error. Check it, ${ELSEWHERE} on another disk.`,
}

/** The error for a data directory that cannot be written: one line with the reason and the remedy. */
export function folderProblem(folder: string, error: unknown): StartupError {
  const { code = 'unknown', message } = error as NodeJS.ErrnoException
  const reason = obstacle(folder) ?? REASONS[code] ?? `${message.replaceAll(/\s*\n\s*/g, ' ')}.`
  return new StartupError(`DATA_DIR ${folder} cannot be written (${code}): ${reason}`, error)
}

/**
 * Checks whether something other than a directory is at a path or above it.
 * @returns a description with the remedy; undefined when there is no obstacle
 */
export function obstacle(folder: string): string | undefined {
  const at = nearest(folder)
  if (lstatSync(at).isSymbolicLink() && !existsSync(at)) {
    return isLoop(at) ? REASONS.ELOOP : `${at} is a symbolic link to nothing. Create its target, ${ELSEWHERE}.`
  }
  return statSync(at).isDirectory() ? undefined : `${at} is not a directory. Set DATA_DIR to one.`
}

/** The path itself if it exists, or else its nearest existing parent. */
function nearest(path: string): string {
  try {
    lstatSync(path)
    return path
  } catch {
    return dirname(path) === path ? path : nearest(dirname(path))
  }
}

function isLoop(path: string): boolean {
  try {
    statSync(path)
    return false
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ELOOP'
  }
}
