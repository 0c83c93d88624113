import { randomUUID } from 'node:crypto'
import { link, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { setTimeout as pause } from 'node:timers/promises'
import { LoginError } from './error.ts'

/** Longer than a refresh and a keyring take together. */
const STALE_MS = 120_000
const WAIT_MS = 60_000
const RETRY_MS = 50

/**
 * Runs `work` while no other process holds the lock file. The lock of a process that has ended is taken over; that of another
 * machine (a shared home directory) after two minutes.
 * @throws LoginError `busy` after a minute
 */
export async function withLock<T>(file: string, work: () => Promise<T>): Promise<T> {
  const owner = `${process.pid} ${hostname()} ${randomUUID()}`
  const deadline = Date.now() + WAIT_MS
  while (!(await create(file, owner))) {
    await removeIfStale(file)
    if (Date.now() > deadline) throw new LoginError('busy', `Another process holds ${file}. Delete it if none does.`)
    await pause(RETRY_MS * (1 + Math.random()))
  }
  try {
    return await work()
  } finally {
    if ((await contentOf(file)) === owner) await rm(file, { force: true })
  }
}

async function create(file: string, owner: string): Promise<boolean> {
  try {
    await writeFile(file, owner, { flag: 'wx', mode: 0o600 })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

/** Another process may do the same: what was moved away must be the lock that was judged, otherwise it is put back. */
async function removeIfStale(file: string): Promise<void> {
  const judged = await contentOf(file)
  if (judged === undefined || !(await isStale(file, judged))) return
  const moved = `${file}.${randomUUID()}`
  await rename(file, moved).catch(ignoreMissing)
  if ((await contentOf(moved)) !== judged) await link(moved, file).catch(() => {})
  await rm(moved, { force: true })
}

async function isStale(file: string, owner: string): Promise<boolean> {
  const [pid, host] = owner.split(' ')
  if (host === hostname() && !isRunning(Number(pid))) return true
  const found = await stat(file).catch(ignoreMissing)
  return found !== undefined && Date.now() - found.mtimeMs > STALE_MS
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

const contentOf = (file: string) => readFile(file, 'utf8').catch(ignoreMissing)

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error
}
