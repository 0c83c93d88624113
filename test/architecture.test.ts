import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, relative } from 'node:path'
import t from 'tap'

const ROOT = join(import.meta.dirname, '..')
const ARCHITECTURE = readFileSync(join(ROOT, 'docs/architecture.md'), 'utf8')

/** The folders of src in the order of docs/architecture.md: each imports only those above it. */
const ORDER = [...ARCHITECTURE.matchAll(/^\| `src\/([a-z-]+)\/` \|/gm)].map(([, folder]) => folder as string)

const files = globSync('src/**/*.ts', { cwd: ROOT }).map(normalize)
const imports = new Map(files.map(file => [file, importsOf(file)]))

function importsOf(file: string): string[] {
  const source = readFileSync(join(ROOT, file), 'utf8')
  return [...source.matchAll(/(?:from|import) ?\(?'(\.[^']+)'/g)]
    .map(([, to]) => normalize(join(dirname(file), to as string)))
    .filter(to => to.startsWith('src/') && existsSync(join(ROOT, to)))
}

/** Files at the root of src compose the program, so they stand above every folder but the command line. */
const ROOT_LEVEL = ORDER.indexOf('cli') - 0.5

function level(file: string): number {
  const [, folder = '', rest] = file.split('/')
  return rest === undefined ? (file === 'src/cli.ts' ? Number.POSITIVE_INFINITY : ROOT_LEVEL) : ORDER.indexOf(folder)
}

t.test('the document names every folder of src, and no other', async t => {
  const folders = new Set(files.flatMap(file => (file.split('/').length > 2 ? [file.split('/')[1]] : [])))
  t.strictSame([...ORDER].sort(), [...folders].sort())
})

t.test('no import points backwards', async t => {
  const backwards = files.flatMap(file =>
    (imports.get(file) ?? [])
      .filter(to => level(to) > level(file))
      .map(to => `${relative('src', file)} imports ${relative('src', to)}`),
  )
  t.strictSame(backwards, [])
})

t.test('the guard imports nothing of the server', async t => {
  const guard = globSync('packages/guard/src/**/*.ts', { cwd: ROOT })
  t.strictSame(
    guard.filter(file => /'(\.\.\/)+src\/(?!.*packages)/.test(readFileSync(join(ROOT, file), 'utf8'))),
    [],
  )
})

t.test('imports form no circle', async t => {
  const done = new Set<string>()
  const circles: string[] = []
  function visit(file: string, path: string[]): void {
    if (path.includes(file)) circles.push([...path.slice(path.indexOf(file)), file].join(' → '))
    if (done.has(file) || path.includes(file)) return
    for (const to of imports.get(file) ?? []) visit(to, [...path, file])
    done.add(file)
  }
  for (const file of files) visit(file, [])
  t.strictSame(circles, [])
})

t.test('domain code does not import the HTTP framework', async t => {
  const DOMAIN =
    /^src\/(errors|text|security|config|database|cluster|audit|fetch|deployment|scopes|keys|users|clients|tokens|status|grants|trusts)\//
  const offenders = files.filter(
    file =>
      DOMAIN.test(file) &&
      !/(routes|schemas|session-token)\.ts$/.test(file) &&
      /from 'fastify'/.test(readFileSync(join(ROOT, file), 'utf8')),
  )
  t.strictSame(offenders, [])
})
