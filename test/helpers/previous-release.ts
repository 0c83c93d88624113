import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const ROOT = resolve(import.meta.dirname, '../..')
const FILE = resolve(import.meta.dirname, '../upgrade/previous.json')
const PATHS = ['src', 'packages', 'migrations', 'bin', 'mikro-orm.config.ts', 'scopes.json', 'package.json']

type Test = { teardown(work: () => unknown): void }
type Locked = { version: string; dev?: boolean; link?: boolean }

/** The commit of the previous release. Each release moves it on. */
export const previousCommit = (): string => JSON.parse(readFileSync(FILE, 'utf8')).commit

const git = (...args: string[]) =>
  execFileSync('git', args, { cwd: ROOT, maxBuffer: 1e9, stdio: ['ignore', 'pipe', 'ignore'] })

/**
 * Why the previous release cannot run here; undefined: it can. A dependency that only that release needs is a development
 * dependency of this one.
 */
export function obstacle(): string | undefined {
  const commit = previousCommit()
  let lock: string
  try {
    lock = git('show', `${commit}:package-lock.json`).toString()
  } catch {
    return `the history lacks ${commit}, as in a shallow clone`
  }
  const { dependencies } = JSON.parse(git('show', `${commit}:package.json`).toString()) as { dependencies: object }
  const before = JSON.parse(lock).packages as Record<string, Locked>
  const now = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')).packages as Record<string, Locked>
  const moved = Object.keys(dependencies).find(name => {
    const [old, current] = [before[`node_modules/${name}`], now[`node_modules/${name}`]]
    return old?.version.split('.')[0] !== current?.version.split('.')[0]
  })
  return moved && `it needs another version of ${moved}`
}

/** The sources of the previous release, with the packages of this one. @returns their directory */
export function previousRelease(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'postern-previous-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  mkdirSync(folder, { recursive: true })
  execFileSync('tar', ['-x', '-C', folder], { input: git('archive', previousCommit(), ...PATHS) })
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
  return folder
}
