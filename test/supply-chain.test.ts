import { execFileSync } from 'node:child_process'
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
  license?: string
  name?: string
  dev?: boolean
  devOptional?: boolean
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

t.test('SECURITY.md justifies each install script, and package.json allows no other', async t => {
  const scripts = installed.filter(([, { hasInstallScript }]) => hasInstallScript)
  const names = [...new Set(scripts.map(([path]) => path.replace(/^.*node_modules\//, '')))].sort()
  const rows = [...read('SECURITY.md').matchAll(/^\| `([^`]+)` \| [^|]+ \| (yes|no) \| [^|]{20,} \|$/gm)]
  t.strictSame(rows.map(([, name]) => name).sort(), names)
  t.strictSame(Object.fromEntries(rows.map(([, name, allowed]) => [name, allowed === 'yes'])), allowScripts)
  for (const file of ['package.json', 'packages/guard/package.json']) {
    const { scripts = {} } = JSON.parse(read(file))
    for (const name of ['preinstall', 'install', 'postinstall']) t.notOk(scripts[name], `${file}: ${name}`)
  }
})

/** Licences that allow to use and pass on the software; all of them want at most that their text is kept. */
const ALLOWED = [
  '0BSD',
  'MIT',
  'MIT-0',
  'ISC',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'Apache-2.0',
  'BlueOak-1.0.0',
  'Zlib',
  'Unlicense',
  'CC0-1.0',
]
/** Those of packages that only development needs, which we do not pass on. */
const ALLOWED_IN_DEVELOPMENT = [...ALLOWED, 'MPL-2.0', 'CC-BY-3.0']
/** Packages whose `package.json` names no licence, and the one of the file in them. */
const UNNAMED: Record<string, string> = { 'jsonc-simple-parser': 'MIT' }

/** @param expression of SPDX: names with AND and OR, without nesting */
const isAllowed = (expression: string, allowed: readonly string[]) =>
  expression
    .replaceAll(/[()]/g, '')
    .split(' OR ')
    .some(choice => choice.split(' AND ').every(name => allowed.includes(name)))

t.test('every package has a licence that we may accept', async t => {
  const refused = installed.filter(([path, { license, dev, devOptional }]) => {
    const terms = license ?? UNNAMED[path.replace(/^.*node_modules\//, '')] ?? 'none'
    return !isAllowed(terms, dev || devOptional ? ALLOWED_IN_DEVELOPMENT : ALLOWED)
  })
  t.strictSame(
    refused.map(([path, { license }]) => `${path}: ${license}`),
    [],
  )
  t.notOk(isAllowed('GPL-3.0-only', ALLOWED_IN_DEVELOPMENT))
  t.notOk(isAllowed('MIT AND GPL-3.0-only', ALLOWED))
  t.ok(isAllowed('(GPL-3.0-only OR MIT)', ALLOWED))
})

interface Component {
  'bom-ref': string
  name: string
  version: string
  hashes: { alg: string; content: string }[]
  licenses: unknown[]
  purl: string
}

t.test('the bill of materials has every package that is installed with ours, and is the same each time', async t => {
  const print = () => execFileSync(process.execPath, ['bin/sbom.js'], { cwd: ROOT, encoding: 'utf8', env: {} })
  const text = print()
  t.equal(print(), text)
  const { components, dependencies, metadata } = JSON.parse(text) as {
    components: Component[]
    dependencies: { ref: string; dependsOn: string[] }[]
    metadata: { component: { 'bom-ref': string } }
  }
  const listed = new Set(components.map(({ name, version }) => `${name}@${version}`))
  t.equal(listed.size, components.length)
  const shipped = installed.filter(([, { dev, devOptional }]) => !dev && !devOptional)
  const missing = shipped.filter(
    ([path, { name, version }]) => !listed.has(`${name ?? path.replace(/^.*node_modules\//, '')}@${version}`),
  )
  t.strictSame(
    missing.map(([path]) => path),
    [],
  )
  for (const { name } of components)
    t.notOk(/^(tap|typescript|@opentelemetry\/sdk-node)$/.test(name), `${name} is shipped`)
  for (const { purl, hashes, licenses } of components) {
    t.match(purl, /^pkg:npm\/(%40[\w.-]+\/)?[\w.-]+@\d/)
    t.match(hashes, [{ alg: 'SHA-512', content: /^[0-9a-f]{128}$/ }], purl)
    t.equal(licenses.length, 1, purl)
  }
  const references = new Set([metadata.component['bom-ref'], ...components.map(component => component['bom-ref'])])
  t.strictSame(new Set(dependencies.map(({ ref }) => ref)), references, 'each has its dependencies')
  t.ok(dependencies.every(({ dependsOn }) => dependsOn.every(ref => references.has(ref))))
  const { dependencies: direct } = JSON.parse(read('package.json')) as { dependencies: object }
  t.equal(
    dependencies.find(({ ref }) => ref === metadata.component['bom-ref'])?.dependsOn.length,
    Object.keys(direct).length,
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
