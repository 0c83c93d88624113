import { existsSync, readdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { SERVER } from '../helpers/database.ts'
import { oneProcess } from './one-process.ts'
import { commandLine, commandsOn, ONE_LINE, temporaryFolder } from './postern.ts'

const ONLY_EMBEDDED = { skip: SERVER ? 'a shared database is created by others' : false }
const ID = '01939f4e-8a4c-7b60-b5a4-6f6d5c3f2a12'
const READING = [
  ['user', 'list'],
  ['token', 'list', '--user', 'ada@example.com'],
  ['client', 'list'],
  ['keys', 'list'],
  ['audit'],
  ['prune', '--dry-run'],
]
/** They change what is there, and would create a database only to find nothing in it. */
const CHANGING = [
  ['user', 'disable', 'ada@example.com'],
  ['token', 'issue', '--user', 'ada@example.com', '--name', 'ci'],
  ['client', 'revoke', ID],
  ['keys', 'rotate'],
  ['prune'],
]

t.test('without a database a command says so and creates nothing', ONLY_EMBEDDED, async t => {
  const folder = temporaryFolder(t)
  const missing = join(folder, 'not', 'there')
  const commands = [...READING, ...CHANGING, ['status'], ['status', '--watch'], ['user', 'list', '--json']]
  for (const words of commands) {
    const { code, stdout, stderr } = await commandsOn({ DATA_DIR: missing }).run(words)
    t.same({ code, stdout }, { code: 1, stdout: '' }, words.join(' '))
    t.match(stderr, ONE_LINE)
    t.match(stderr, `There is no database in ${missing}; \`npm start\` creates one`)
    t.same(readdirSync(folder), [])
  }
  const empty = commandsOn({ DATA_DIR: folder })
  t.match((await empty.run(['user', 'list'])).stderr, `There is no database in ${folder}`)
  t.same(readdirSync(folder), [], 'an empty directory stays empty')
})

t.test('the half of a database is none, and is left as it is', ONLY_EMBEDDED, async t => {
  const DATA_DIR = t.testdir({ 'postgres.new': '', postgres: { PG_VERSION: '18\n' } })
  t.match((await commandsOn({ DATA_DIR }).run(['user', 'list'])).stderr, 'There is no database in')
  t.same(readdirSync(DATA_DIR).sort(), ['postgres', 'postgres.new'])
})

t.test('a DATA_DIR that cannot have a database is named as what it is', ONLY_EMBEDDED, async t => {
  const folder = t.testdir({ file: '' })
  symlinkSync(join(folder, 'nowhere'), join(folder, 'link'))
  const cases: [string, RegExp][] = [
    [join(folder, 'file'), /file is not a directory/],
    ['/dev/null/x', /\/dev\/null is not a directory/],
    [join(folder, 'link'), /link is a symbolic link to nothing/],
  ]
  for (const [DATA_DIR, reason] of cases) {
    const { code, stderr } = await commandsOn({ DATA_DIR }).run(['user', 'list'])
    t.equal(code, 1)
    t.match(stderr, ONE_LINE)
    t.match(stderr, reason)
  }
})

t.test('reading writes neither keys nor clients nor status lists', async t => {
  const postern = await oneProcess(t)
  const rows = async () =>
    postern
      .run(['keys', 'list', '--json'])
      .then(async ({ stdout }) => [
        JSON.parse(stdout).data.length,
        (await postern.json(['client', 'list'])).data.length,
      ])
  for (const words of READING.filter(([what]) => what !== 'token')) t.equal((await postern.run(words)).code, 0)
  t.same(await rows(), [0, 0], 'a database without keys still has none')
  t.notOk(existsSync(join(postern.env.DATA_DIR as string, 'app.key')))

  const create = ['user', 'create', '--email', 'ada@example.com', '--name', 'Ada', '--password-stdin']
  await postern.run(create, { input: 'correct horse battery' })
  await postern.json(['token', 'issue', '--user', 'ada@example.com', '--name', 'ci'])
  const looks = [await reserved(postern), await reserved(postern)] as const
  for (const words of READING) t.equal((await postern.run(words)).code, 0, words.join(' '))
  t.equal((await reserved(postern)) - looks[1], looks[1] - looks[0], 'only the looks reserve indices')
})

/** Indices of status lists that were reserved by anybody, this look included. */
const reserved = ({ inside }: Awaited<ReturnType<typeof commandLine>>) =>
  inside(async ({ db }) => {
    const [row] = await db.query<{ n: number }>('select coalesce(sum(reserved), 0)::int as n from oauth_status_lists')
    return row?.n as number
  })

t.test('reading does not migrate', ONLY_EMBEDDED, async t => {
  const postern = await commandLine(t)
  await postern.run(['migrate'])
  await postern.inside(async ({ db }) => {
    await db.query('delete from mikro_orm_migrations where id = (select max(id) from mikro_orm_migrations)')
  })
  const { code, stderr } = await postern.run(['user', 'list'])
  t.equal(code, 1)
  t.match(stderr, /^postern: The database lacks 1 migration\(s\)\. Run: npx postern migrate\n$/)
})
