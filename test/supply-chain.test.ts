import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'

/** A review of the dependencies that needs no network: what the lock file and the workflows admit. */

const ROOT = join(import.meta.dirname, '..')
const read = (...path: string[]) => readFileSync(join(ROOT, ...path), 'utf8')

interface LockedPackage {
  version?: string
  integrity?: string
  resolved?: string
  link?: boolean
  hasInstallScript?: boolean
}

const { packages } = JSON.parse(read('package-lock.json')) as { packages: Record<string, LockedPackage> }
const { allowScripts } = JSON.parse(read('package.json')) as { allowScripts: Record<string, boolean> }
const installed = Object.entries(packages).filter(([path, { link }]) => path.includes('node_modules/') && !link)

t.test('every package in the lock file is pinned by a SHA-512', async t => {
  t.ok(installed.length > 100)
  t.strictSame(
    installed.filter(([, { integrity }]) => !integrity?.startsWith('sha512-')).map(([path]) => path),
    [],
  )
})

t.test('no package comes from git, from a folder or from an address of its own', async t => {
  // Without `resolved`, npm asks the configured registry; with it, the address must be an https tarball of a registry.
  const foreign = installed.filter(([, { resolved }]) => resolved && !/^https:\/\/[^/]+\/.+\.tgz$/.test(resolved))
  t.strictSame(
    foreign.map(([path]) => path),
    [],
  )
})

t.test('no package runs an install script but those that package.json names', async t => {
  const scripts = installed.filter(([, { hasInstallScript }]) => hasInstallScript)
  const names = scripts.map(([path]) => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length))
  t.strictSame(
    [...new Set(names)].sort(),
    Object.keys(allowScripts)
      .filter(name => allowScripts[name])
      .sort(),
  )
})

t.test('workflows pin each action by commit', async t => {
  const folder = ['.github', 'workflows']
  for (const file of readdirSync(join(ROOT, ...folder))) {
    const uses = [...read(...folder, file).matchAll(/uses:\s*(\S+)/g)].map(([, action]) => action as string)
    t.ok(uses.length > 0, file)
    t.strictSame(
      uses.filter(action => !/^[\w./-]+@[0-9a-f]{40}$/.test(action)),
      [],
      file,
    )
  }
})
