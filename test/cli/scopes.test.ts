import { spawnSync } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import t from 'tap'
import { openPostern } from '../../src/index.ts'
import { commandsOn, ONE_LINE, PLAIN, temporaryFolder } from './postern.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const folder = temporaryFolder(t)
const scopesFile = join(folder, 'scopes.json')
const dataDir = join(folder, 'data')
const postern = commandsOn({ SCOPES_FILE: scopesFile, DATA_DIR: dataDir })
writeFileSync(
  scopesFile,
  JSON.stringify([
    { id: 'orders:read', description: 'Read orders', default: true },
    { id: "chef's:menu", description: 'See the menu' },
  ]),
)

t.test('the catalogue is listed in its order, without a database', async t => {
  const { code, stdout } = await postern.run(['scopes'])
  t.equal(code, 0)
  t.match(
    stdout,
    /^ID +DEFAULT +DESCRIPTION\norders:read +yes +Read orders\nchef's:menu +no +See the menu\nuser:read +no .+\ntokens:read /,
  )
  const scopes = await postern.json(['scopes'])
  t.same(scopes.slice(0, 2), [
    { id: 'orders:read', description: 'Read orders', default: true },
    { id: "chef's:menu", description: 'See the menu', default: false },
  ])
  t.notOk(existsSync(dataDir))
})

t.test('with the printed types a misspelt scope does not compile', async t => {
  const { stdout } = await postern.run(['scopes', '--types'])
  writeFileSync(join(folder, 'scopes.d.ts'), stdout)
  const paths = { 'postern/guard': [join(ROOT, 'packages/guard/src/index.ts')] }
  writeFileSync(
    join(folder, 'tsconfig.json'),
    JSON.stringify({
      extends: join(ROOT, 'tsconfig.json'),
      compilerOptions: { paths, typeRoots: [join(ROOT, 'node_modules/@types')] },
      include: ['*.ts'],
    }),
  )
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'module' }))
  const compile = (scope: string) => {
    const lines = `import { checkScopes } from 'postern/guard'\ncheckScopes(${JSON.stringify(scope)})\n`
    writeFileSync(join(folder, 'route.ts'), lines)
    const [env, ...words] = [...PLAIN, join(ROOT, 'node_modules/.bin/tsc'), '-p', folder]
    const { status, stdout } = spawnSync(env as string, words, { encoding: 'utf8' })
    return { status, stdout }
  }
  t.same(compile('orders:read'), { status: 0, stdout: '' })
  t.same(compile("chef's:menu"), { status: 0, stdout: '' })
  t.match(compile('ordes:read'), { status: 1, stdout: /route\.ts.*error TS2345/ })
})

t.test('in the folder of an application that embeds the server it is the catalogue of the application', async t => {
  const DATA_DIR = join(temporaryFolder(t), 'data')
  const appKey = Buffer.alloc(32, 1).toString('base64')
  const catalogue = [{ id: 'parcels:read', description: 'Track parcels' }]
  await (await openPostern({ dataDir: DATA_DIR, appKey, catalogue })).close()
  const own = commandsOn({ DATA_DIR })
  t.equal((await own.json(['scopes']))[0].id, 'parcels:read')
  t.match((await own.run(['scopes', '--types'])).stdout, "| 'parcels:read'")
  const chosen = await own.json(['scopes'], { env: { SCOPES_FILE: scopesFile } })
  t.equal(chosen[0].id, 'orders:read', 'a file that is named counts')
})

t.test('a catalogue that cannot be used is named in one line', async t => {
  const missing = await postern.run(['scopes'], { env: { SCOPES_FILE: join(folder, 'none.json') } })
  t.match(missing, { code: 1, stdout: '', stderr: ONE_LINE })
  t.match(missing.stderr, 'SCOPES_FILE')
})
