import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import t from 'tap'
import type { User } from '../../src/users/user.entity.ts'
import { APP_KEY } from '../helpers/app.ts'
import { emptyDatabase, SERVER } from '../helpers/database.ts'
import { smallDisk } from '../helpers/disk.ts'
import { type CommandLine, commandLine, commandsOn, ONE_LINE, serving, temporaryFolder } from './postern.ts'

type Test = Pick<typeof t, 'teardown' | 'match' | 'equal' | 'same' | 'ok'>

const ONLY_EMBEDDED = { skip: SERVER ? 'the embedded database has a run of its own' : false }
const ONLY_SHARED = { skip: SERVER ? false : 'there is no PostgreSQL' }
/** A separator that is no newline, and a number that JavaScript cannot hold. */
const ODD = '{"text": "a\\u2028b\\r\\n\\"}", "number": 12345678901234567890.123}'

const embedded = (t: Pick<Test, 'teardown'>, more = {}) =>
  commandsOn({ DATA_DIR: join(temporaryFolder(t), 'data'), ...more })
const shared = async (t: Pick<Test, 'teardown'>, key: string) =>
  commandsOn({ DATA_DIR: temporaryFolder(t), DATABASE_URL: await emptyDatabase(SERVER as string, t), APP_KEY: key })

/** What a dump has to keep: a live and a revoked token of each format, and a row that is awkward to write down. */
const fill = (postern: CommandLine) =>
  postern.inside(async ({ users, tokens, revokeToken, db }) => {
    const user = await users.create({ email: 'ada@example.com', name: 'Ada', password: 'correct horse battery' })
    const issue = (format: 'jwt' | 'opaque') => tokens.issuePersonal({ user, name: format, format })
    const live = [await issue('jwt'), await issue('opaque')]
    const revoked = [await issue('jwt'), await issue('opaque')]
    for (const { token } of revoked) await revokeToken(token.id)
    await db.query(`insert into settings (name, value) values ('odd', '${ODD}'::jsonb)`)
    const text = ({ plainText }: { plainText: string }) => plainText
    const lists = [...live, ...revoked].map(({ token }) => token.statusList)
    return { live: live.map(text), revoked: revoked.map(text), lists }
  })

/** A dump without rows, whole and undamaged. */
function ended(header: string): Buffer {
  const sha256 = createHash('sha256').update(header).digest('hex')
  return gzipSync(`${header}${JSON.stringify({ end: { rows: 0, sequences: {}, sha256 } })}\n`)
}

async function roundTrip(t: Test, source: CommandLine, target: CommandLine) {
  const file = join(temporaryFolder(t), 'backup.gz')
  const { live, revoked, lists } = await fill(source)
  const dumped = await source.run(['dump', file])
  t.match(dumped, { code: 0, stdout: /^Wrote \d+ rows to / })
  t.equal(statSync(file).mode & 0o777, 0o600)
  const restored = await target.run(['restore', file])
  t.match(restored, { code: 0, stderr: '', stdout: /^Restored \d+ rows as of \d{4}-/ })
  await target.overHttp(async app => {
    const ask = async (token: string) =>
      (await app.inject({ url: '/api/user', headers: { authorization: `Bearer ${token}` } })).statusCode
    for (const token of live) t.equal(await ask(token), 200, 'a token goes on')
    for (const token of revoked) t.equal(await ask(token), 401, 'a revoked one stays refused')
  })
  await target.inside(async ({ db, users, tokens, revokeToken }) => {
    const [odd] = await db.query(`select value = '${ODD}'::jsonb as same from settings where name = 'odd'`)
    t.same(odd, { same: true })
    const user = (await users.findByEmail('ada@example.com')) as User
    const { token } = await tokens.issuePersonal({ user, name: 'next' })
    t.ok(token.statusList > Math.max(...lists) + 100, 'a new token has a place in a list that the source has not begun')
    await revokeToken(token.id)
    const [event] = await db.query<{ n: number }>('select min(sequence)::float8 as n from oauth_status_events')
    t.ok((event?.n as number) > 1_000_000, 'a reader of the feed sees a gap, and loads the lists anew')
  })
  return file
}

t.test('from embedded to embedded, with the key', ONLY_EMBEDDED, async t => {
  const [source, target] = [embedded(t), embedded(t)]
  const file = await roundTrip(t, source, target)
  const folder = target.env.DATA_DIR as string
  t.equal(statSync(folder).mode & 0o777, 0o700)
  t.equal(statSync(join(folder, 'app.key')).mode & 0o777, 0o600)
  t.same(readdirSync(folder).sort(), ['app.key', 'lock', 'postgres'])

  await t.test('what is there is never overwritten', async t => {
    const before = readdirSync(join(folder, 'postgres'))
    const { code, stderr } = await target.run(['restore', file])
    t.equal(code, 1)
    t.match(stderr, ONE_LINE)
    t.match(stderr, /is not empty, and data is never overwritten/)
    t.same(readdirSync(join(folder, 'postgres')), before)
    const bytes = readFileSync(file)
    const again = await source.run(['dump', file])
    t.match(again, { code: 1, stdout: '', stderr: /cannot be written \(EEXIST\): it already exists/ })
    t.same(readFileSync(file), bytes)
  })

  await t.test('a file that is truncated, damaged or none leaves no database', async t => {
    const bytes = readFileSync(file)
    const lines = gunzipSync(bytes).toString().split('\n')
    const cut = bytes.subarray(0, bytes.length - 40)
    const cases: [Buffer, RegExp][] = [
      [cut, /it is truncated: its end is missing/],
      [gzipSync(`${lines.slice(0, -2).join('\n')}\n`), /it is truncated/],
      [gzipSync(lines.filter(line => !line.includes('"odd"')).join('\n')), /its checksum differs/],
      [Buffer.from('no dump'), /it is not a dump/],
      [gzipSync('{"postern_dump": 99, "version": "9.9.9", "migrations": []}\n'), /written by Postern 9\.9\.9\./],
      [ended(`${lines[0]?.replace('Migration', 'Migration9')}\n`), /which is newer/],
    ]
    const refusals = cases.map(async ([content, reason]) => {
      const bad = join(temporaryFolder(t), 'bad.gz')
      writeFileSync(bad, content)
      const postern = embedded(t)
      const { code, stdout, stderr } = await postern.run(['restore', bad])
      t.same({ code, stdout }, { code: 1, stdout: '' })
      t.match(stderr, ONE_LINE)
      t.match(stderr, reason)
      t.notOk(existsSync(join(postern.env.DATA_DIR as string, 'postgres')), 'no database')
    })
    await Promise.all(refusals)
  })

  await t.test('another APP_KEY is refused', async t => {
    const { stderr } = await embedded(t, { APP_KEY }).run(['restore', file])
    t.match(stderr, ONE_LINE)
    t.match(stderr, /encrypted with another APP_KEY/)
  })

  await t.test('through standard output and input', async t => {
    const [one, other] = [join(temporaryFolder(t), 'one.gz'), embedded(t)]
    execFileSync('sh', ['-c', '"$0" bin/postern.js dump - > "$1" 2>/dev/null', process.execPath, one], {
      env: { ...source.env },
    })
    const restore = ['-c', '"$0" bin/postern.js restore - < "$1"', process.execPath, one]
    t.match(execFileSync('sh', restore, { env: other.env, encoding: 'utf8' }), /^Restored \d+ rows/)
  })

  await t.test('beside a running server it says what to do', async t => {
    const server = await serving(t, source)
    const { code, stderr } = await source.run(['dump', `${file}.2`])
    t.equal(code, 1)
    t.match(stderr, ONE_LINE)
    t.match(stderr, /is in use by another Postern process\. Stop it first/)
    t.notOk(existsSync(`${file}.2`))
    await server.stop()
  })

  await t.test('a file that cannot be written is named, and leaves nothing', async t => {
    const disk = smallDisk(t, 'size=4k')
    const cases: [string, RegExp][] = [
      ['/nowhere/backup.gz', /^postern: \/nowhere\/backup\.gz cannot be written \(ENOENT\)/],
      [temporaryFolder(t), /cannot be written \(EEXIST\)/],
    ]
    if (disk) {
      writeFileSync(join(disk, 'filling'), 'x'.repeat(4096))
      cases.push([join(disk, 'backup.gz'), /\(ENOSPC\): the disk is full/])
    }
    for (const [name, reason] of cases) {
      const { code, stderr } = await source.run(['dump', name])
      t.equal(code, 1)
      t.match(stderr, ONE_LINE)
      t.match(stderr, reason)
    }
    if (disk) t.same(readdirSync(disk), ['filling'])
  })
})

t.test('a dump of no database creates nothing', ONLY_EMBEDDED, async t => {
  const folder = temporaryFolder(t)
  const { code, stderr } = await commandsOn({ DATA_DIR: join(folder, 'data') }).run(['dump', join(folder, 'x.gz')])
  t.equal(code, 1)
  t.match(stderr, ONE_LINE)
  t.match(stderr, /There is no database in/)
  t.same(readdirSync(folder), [])
})

t.test('from embedded to PostgreSQL, with the key that it had', ONLY_SHARED, async t => {
  const source = embedded(t)
  await source.run(['migrate'])
  const key = readFileSync(join(source.env.DATA_DIR as string, 'app.key'), 'utf8').trim()
  const target = await shared(t, key)
  const file = await roundTrip(t, source, target)
  const { stderr } = await (await shared(t, APP_KEY)).run(['restore', file])
  t.match(stderr, /encrypted with another APP_KEY/)
  t.match((await target.run(['restore', file])).stderr, /the database is not empty/)
})

t.test('from PostgreSQL to embedded, which needs the key, and to PostgreSQL', ONLY_SHARED, async t => {
  const source = await commandLine(t)
  const file = await roundTrip(t, source, embedded(t, { APP_KEY }))
  t.match((await embedded(t).run(['restore', file])).stderr, /an APP_KEY that it does not contain\. Set APP_KEY/)
  const target = await shared(t, APP_KEY)
  t.match(await target.run(['restore', file]), { code: 0 })
  t.equal((await target.json(['user', 'list'])).data.length, 1)
})

t.test('rows are exported for other programs, to a new file or to standard output', ONLY_EMBEDDED, async t => {
  const postern = embedded(t)
  await fill(postern)
  const file = join(temporaryFolder(t), 'rows.ndjson')
  const { stdout, ...ended } = await postern.run(['export', '-'])
  t.same(ended, { code: 0, stderr: '' })
  const tables = stdout
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line).table)
  t.equal(tables.filter(table => table === 'tokens').length, 4)
  t.strictSame(await postern.json(['export', file]), { file, rows: tables.length })
  t.equal(readFileSync(file, 'utf8'), stdout)
  t.match(await postern.run(['export', `${file}.gz`]), { stdout: `Wrote ${tables.length} rows to ${file}.gz\n` })
  t.equal(gunzipSync(readFileSync(`${file}.gz`)).toString(), stdout)
  t.match(await postern.run(['export', file]), { code: 1, stdout: '', stderr: ONE_LINE }, 'no file is overwritten')
  t.match(await postern.run(['export', '-', '--json']), { code: 2, stdout: '', stderr: ONE_LINE })
})
