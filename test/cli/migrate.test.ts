import { spawnSync } from 'node:child_process'
import { cpSync, symlinkSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import t from 'tap'
import { SERVER } from '../helpers/database.ts'
import { commandLine, ONE_LINE, onEmptyDatabase, PLAIN, temporaryFolder } from './postern.ts'

t.test('it says what it applied, makes the keys and the client, and a second time nothing', async t => {
  const postern = await onEmptyDatabase(t)
  if (SERVER)
    t.match(await postern.run(['migrate', '--check']), { code: 2, stdout: /safe while nodes serve/, stderr: '' })
  const first = await postern.run(['migrate', '--online'])
  t.match(first, { code: 0, stdout: /^(Applied Migration\d+\n)+$/, stderr: '' })
  t.same(await postern.json(['migrate']), { applied: [] })
  t.equal((await postern.run(['migrate'])).stdout, 'The database is up to date.\n')
  t.same(await postern.json(['migrate', '--check']), { pending: [] })
  t.match((await postern.json(['keys', 'list'])).data, [{ state: 'current' }, { state: 'next' }])
  t.match((await postern.json(['client', 'list'])).data, [{ name: 'Personal access tokens' }])
})

/** A copy of this release with one more migration. */
function nextRelease(t: Parameters<typeof temporaryFolder>[0], mark: string): string {
  const [root, folder] = [resolve(import.meta.dirname, '../..'), temporaryFolder(t)]
  for (const path of ['package.json', 'bin', 'src', 'packages/guard/src', 'migrations', 'mikro-orm.config.ts'])
    cpSync(join(root, path), join(folder, path), { recursive: true })
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  const name = 'Migration29990101000000'
  const up = "override up() { this.addSql('create table next_release (id int)') }"
  writeFileSync(
    join(folder, `migrations/${name}.ts`),
    `import { Migration } from '@mikro-orm/migrations'\nexport class ${name} extends Migration {\n${mark}\n${up}\n}\n`,
  )
  return join(folder, 'bin/postern.js')
}

t.test('a release that needs a stop is not migrated to online', async t => {
  const postern = await commandLine(t)
  const migrate = (release: string, ...args: string[]) => {
    const [env, ...words] = [...PLAIN, process.execPath, release, 'migrate', ...args] as [string, ...string[]]
    const { status, stdout, stderr } = spawnSync(env, words, {
      env: { ...postern.env, PATH: process.env.PATH },
      encoding: 'utf8',
    })
    return { status, stdout, stderr }
  }
  const stop = nextRelease(t, "static readonly needsStop = 'drops a column'")
  t.match(migrate(stop, '--check'), { status: 3, stdout: /Migration29990101000000: drops a column/, stderr: '' })
  const refused = migrate(stop, '--online')
  t.match(refused, { status: 3, stdout: '', stderr: /Stop all nodes.*Migration29990101000000: drops a column/ })
  t.match(refused.stderr, ONE_LINE)
  t.match(migrate(stop, '--check'), { status: 3 }, 'nothing was changed')
  t.match(migrate(nextRelease(t, ''), '--online'), {
    status: 0,
    stdout: 'Applied Migration29990101000000\n',
    stderr: '',
  })
  t.match(migrate(stop, '--online', '--check'), { status: 2, stderr: ONE_LINE })
})

t.test('two at once: one applies everything, the other nothing', { skip: !SERVER && 'one process only' }, async t => {
  const postern = await onEmptyDatabase(t)
  const one = { env: { DATABASE_POOL_SIZE: '1' } }
  const answers = await Promise.all([1, 2, 3].map(() => postern.json(['migrate'], one)))
  const applied = answers.map(answer => answer.applied.length).sort()
  t.match(applied, [0, 0, Number])
  t.ok(applied[2] > 0)
  t.equal((await postern.json(['keys', 'list'])).data.length, 2)
})

t.test('before it, a shared database is of no use', { skip: !SERVER && 'it migrates itself' }, async t => {
  const postern = await onEmptyDatabase(t)
  for (const words of [['user', 'list'], ['serve']]) {
    const { code, stdout, stderr } = await postern.run(words)
    t.same({ code, stdout }, { code: 1, stdout: '' })
    t.match(stderr, ONE_LINE)
    t.match(stderr, 'Run: npx postern migrate')
  }
})
