// Copies what the server needs at run time: node bin/container-files.js FOLDER [on|off]. The second word: with OpenTelemetry.
import { cpSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

const [target, telemetry = 'off'] = process.argv.slice(2)
if (!target) throw new Error('usage: node bin/container-files.js FOLDER [on|off]')
const ROOT = resolve(import.meta.dirname, '..')
const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8'))
const { peerDependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))

/** Files that no program reads, and the prebuilt database: without its 40 MB, a first start with an embedded one takes longer. */
const IDLE =
  /\/new-database\.tar$|\.(map|d\.[cm]?ts|md|markdown|tsbuildinfo|flow)$|\/(docs?|examples?|tests?|__tests__|benchmarks?)$/i
/** Parts of packages that the server never loads: other file systems and extensions of the database. */
const UNUSED = [/\/@electric-sql\/pglite\/dist\/(contrib|live|vector|worker|pgcrypto\.tar\.gz|.*\.cjs)$/]

/** The folder of the package that `name` means in the folder `from`, as Node looks it up. */
function find(from, name) {
  for (let at = from; ; at = at.slice(0, Math.max(0, at.lastIndexOf('/node_modules/')))) {
    const path = `${at && `${at}/`}node_modules/${name}`
    if (packages[path]) return path
    if (!at) return undefined
  }
}

function collect(path, found) {
  const {
    dependencies = {},
    optionalDependencies = {},
    peerDependencies: peers = {},
    peerDependenciesMeta = {},
  } = packages[path]
  const required = Object.keys(peers).filter(name => !peerDependenciesMeta[name]?.optional)
  for (const name of [...Object.keys(dependencies), ...Object.keys(optionalDependencies), ...required])
    add(find(path, name), found)
  return found
}

function add(path, found) {
  // Packages for other platforms are not installed.
  if (!path || found.has(path) || packages[path].link || !existsSync(join(ROOT, path))) return
  found.add(path)
  collect(path, found)
}

const wanted = collect('', new Set())
if (telemetry === 'on') for (const name of Object.keys(peerDependencies)) add(find('', name), wanted)

const isUsed = (source, from) => {
  const path = source.slice(from.length)
  // A package may have a folder of such a name that it runs; only those at its top are idle.
  const isTop = path.split('/').length <= 2
  if (/\/node_modules$/.test(path)) return false
  if (IDLE.test(path) && (isTop || /\.\w+$/.test(path))) return false
  return !UNUSED.some(pattern => pattern.test(source))
}
for (const path of wanted) {
  const from = join(ROOT, path)
  cpSync(from, join(target, path), { recursive: true, filter: source => isUsed(source, from) })
}
for (const name of ['dist', 'bin/postern.js', 'package.json', 'scopes.json', 'LICENSE']) {
  cpSync(join(ROOT, name), join(target, name), { recursive: true, filter: source => !IDLE.test(source) })
}
mkdirSync(join(target, 'data'), { recursive: true })
