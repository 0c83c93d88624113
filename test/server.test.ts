import { execFileSync, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync as exists, statSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { APP_KEY } from './helpers/app.ts'
import { SERVER, testDatabase } from './helpers/database.ts'
import { type Launched, launch } from './helpers/process.ts'

const ONLY_EMBEDDED = { skip: SERVER ? 'the embedded database has a run of its own' : false }
const ONLY_SHARED = { skip: SERVER ? false : 'needs a PostgreSQL' }
const HAS_CURL = spawnSync('curl', ['--version']).status === 0

t.test('from nothing to a first token, to a second start that lost nothing', ONLY_EMBEDDED, async t => {
  const DATA_DIR = join(t.testdir(), 'data')
  const first = await launch(t, { DATA_DIR })
  await first.ready
  const administrator = first.administrator()
  t.match(administrator, { email: 'admin@localhost', password: /^[a-zA-Z2-9]{20}$/ }, 'an administrator is shown')
  t.equal(first.stderr(), '', 'and nothing is complained of')
  t.equal(statSync(join(DATA_DIR, 'app.key')).mode & 0o777, 0o600)
  t.equal(statSync(DATA_DIR).mode & 0o077, 0, 'nobody else can read the data')

  const token = HAS_CURL ? JSON.parse(paste(administrator?.curl)).token : await issue(first, administrator)
  t.equal(await status(first, token), 200, 'the pasted line gives a token that works')
  await end(t, first, 'SIGINT')

  const second = await launch(t, { DATA_DIR, PORT: port(first) })
  await second.ready
  t.equal(second.administrator(), undefined, 'the password is shown once')
  t.notMatch(second.stdout(), administrator?.password)
  t.equal(second.stderr(), '')
  t.equal(await status(second, token), 200, 'the token lives on')
  t.ok(await issue(second, administrator), 'so do user and password')

  const beside = await launch(t, { DATA_DIR })
  t.equal(await beside.ended, 1)
  t.equal(
    beside.stderr(),
    `postern: The database in ${DATA_DIR} is in use by another Postern process. Stop it first, or use its API.\n`,
  )
  t.equal(await status(second, token), 200, 'which goes on undisturbed')
  await end(t, second, 'SIGTERM')
})

t.test('a server that is killed has lost nothing that it answered', ONLY_EMBEDDED, async t => {
  const DATA_DIR = join(t.testdir(), 'data')
  const first = await launch(t, { DATA_DIR })
  await first.ready
  const administrator = first.administrator()
  const tokens: string[] = [await issue(first, administrator, ['tokens:read', 'tokens:write'])]
  const writers = Array.from({ length: 4 }, async () => {
    for (;;) tokens.push(await issueWith(first, tokens[0] as string))
  })
  const writing = Promise.allSettled(writers)
  while (tokens.length < 20) await status(first, tokens[0] as string)
  const [revoked] = tokens.splice(10, 1) as [string]
  const gone = await call(first, '/api/tokens/current', { method: 'DELETE', headers: bearer(revoked) })
  t.equal(gone.status, 204)
  first.kill('SIGKILL')
  t.equal(await first.ended, 'SIGKILL')
  await writing

  const second = await launch(t, { DATA_DIR, PORT: port(first) })
  await second.ready
  t.equal(second.stderr(), '')
  t.equal(second.administrator(), undefined)
  const found = await Promise.all(tokens.map(token => status(second, token)))
  t.strictSame(
    found,
    tokens.map(() => 200),
    `all ${tokens.length} tokens that were answered are there`,
  )
  t.equal(await status(second, revoked), 401, 'and what was revoked is')
  await end(t, second, 'SIGINT')
})

t.test('a server that is killed while it makes its database makes it again', ONLY_EMBEDDED, async t => {
  const DATA_DIR = join(t.testdir(), 'data')
  const first = await launch(t, { DATA_DIR })
  while (!exists(join(DATA_DIR, 'postgres', 'PG_VERSION'))) await new Promise(setImmediate)
  first.kill('SIGKILL')
  await first.ended
  const second = await launch(t, { DATA_DIR })
  await second.ready
  t.ok(await issue(second, second.administrator()))
  await end(t, second, 'SIGINT')
})

t.test('a taken port keeps the first password for a start that succeeds', ONLY_EMBEDDED, async t => {
  const dir = t.testdir()
  const holder = await launch(t, { DATA_DIR: join(dir, 'one') })
  await holder.ready
  const PORT = port(holder)
  const DATA_DIR = join(dir, 'two')
  const refused = await launch(t, { DATA_DIR, PORT })
  t.equal(await refused.ended, 1)
  t.equal(refused.stderr(), `postern: PORT ${PORT} is taken on 127.0.0.1. Choose another: PORT=${Number(PORT) + 1}\n`)
  t.equal(refused.stdout(), '')
  await end(t, holder, 'SIGINT')
  const again = await launch(t, { DATA_DIR, PORT })
  await again.ready
  t.ok(await issue(again, again.administrator()), 'nobody saw it before')
  await end(t, again, 'SIGINT')
})

t.test('on a PostgreSQL: it wants the tables and the key that belong to it', ONLY_SHARED, async t => {
  const DATABASE_URL = (await testDatabase(t)).databaseUrl as string
  const DATA_DIR = join(t.testdir(), 'data')
  const first = await launch(t, { DATABASE_URL, APP_KEY, DATA_DIR })
  await first.ready
  const token = await issue(first, first.administrator())
  t.equal(first.stderr(), '')
  t.notOk(exists(DATA_DIR), 'it keeps nothing beside the database')

  const other = await launch(t, { DATABASE_URL, APP_KEY: APP_KEY.split('').reverse().join('').replace(/^=+/, '') })
  t.equal(await other.ended, 1)
  t.match(other.stderr(), /^postern: .*APP_KEY is not the key that this database was created with[^\n]*\n$/)

  const ISSUER = `http://localhost:${port(first)}`
  const second = await launch(t, { DATABASE_URL, APP_KEY, ISSUER })
  await second.ready
  t.equal(second.administrator(), undefined, 'a second node makes no second administrator')
  t.equal(await status(second, token), 200)
  await Promise.all([end(t, first, 'SIGTERM'), end(t, second, 'SIGINT')])
})

/** Ends it twice over, as npm does, with idle connections open and a request half sent. */
async function end(t: Test, server: Launched, signal: NodeJS.Signals): Promise<void> {
  const idle = connect(Number(port(server)), '127.0.0.1')
  await once(idle, 'connect')
  idle.write('GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n')
  await once(idle, 'data')
  const silent = connect(Number(port(server)), '127.0.0.1')
  const halfway = connect(Number(port(server)), '127.0.0.1')
  for (const unheard of [silent, halfway]) unheard.on('error', () => {})
  await Promise.all([once(silent, 'connect'), once(halfway, 'connect')])
  halfway.write('GET /health/live HTTP/1.1\r\nHo')
  const busy = connect(Number(port(server)), '127.0.0.1')
  let answer = ''
  busy.setEncoding('utf8').on('data', text => {
    answer += text
  })
  const body = JSON.stringify({ email: 'nobody@example.com', password: 'not the password', device_name: 'x' })
  busy.write(
    `POST /api/tokens HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n`,
  )
  busy.write('Expect: 100-continue\r\n\r\n')
  // It has the request when it asks for the rest.
  await once(busy, 'data')
  server.kill(signal)
  server.kill(signal)
  await once(idle, 'close')
  busy.write(body)
  await once(busy, 'close')
  t.match(answer, /HTTP\/1\.1 401 /, 'a request under way is answered')
  t.equal(await server.ended, 0, `${signal} ends it with 0`)
  t.equal(server.stderr(), '')
}

const port = (server: Launched) => new URL(server.url).port
const paste = (line = 'false') => execFileSync('sh', ['-c', line], { encoding: 'utf8' })
const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

function call(server: Launched, path: string, init: RequestInit = {}): Promise<Response> {
  return fetch(server.url + path, init)
}

async function status(server: Launched, token: string): Promise<number> {
  const answer = await call(server, '/api/user', { headers: bearer(token) })
  await answer.arrayBuffer()
  return answer.status
}

async function post(server: Launched, body: object, headers = {}): Promise<string> {
  const answer = await call(server, '/api/tokens', {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })
  const { token } = (await answer.json()) as { token?: string }
  if (!token) throw new Error(`no token: ${answer.status}`)
  return token
}

function issue(server: Launched, who: { email: string; password: string } | undefined, scopes?: string[]) {
  return post(server, { email: who?.email, password: who?.password, device_name: 'test', scopes })
}

const issueWith = (server: Launched, token: string) => post(server, { name: 'test', scopes: [] }, bearer(token))
