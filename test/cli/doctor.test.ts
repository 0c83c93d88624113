import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import t, { type Test } from 'tap'
import { databaseCheck, tlsFinding } from '../../src/doctor/database.ts'
import type { Finding } from '../../src/doctor/finding.ts'
import { APP_KEY } from '../helpers/app.ts'
import { emptyDatabase, SERVER } from '../helpers/database.ts'
import { smallDisk } from '../helpers/disk.ts'
import { forwardingProxy } from '../helpers/forwarding-proxy.ts'
import { openMailServer } from '../helpers/mail.ts'
import { OIDC_CLIENT, openProvider } from '../helpers/openid-provider.ts'
import { freePort } from '../helpers/port.ts'
import { launch } from '../helpers/process.ts'
import { HAS_REDIS, openRedis } from '../helpers/redis.ts'
import { commandLine, commandsOn, type RunOptions, temporaryFolder } from './postern.ts'

const ONLY_SHARED = { skip: SERVER ? false : 'needs a PostgreSQL' }
const METRICS_TOKEN = 'RandomEnough0123456789abcdefghijkl'

/** Runs it, and finds what it says about each part. */
async function examine(env: Record<string, string>, options: RunOptions = {}) {
  const { code, stdout, stderr } = await commandsOn(env).run(['doctor', '--json'], options)
  const { ok, findings } = JSON.parse(stdout || '{}') as { ok: boolean; findings: Finding[] }
  t.equal(ok, code === 0, stderr)
  for (const { status, remedy } of findings) {
    if (status === 'error' || status === 'warning') t.ok(remedy, 'it says what to do')
  }
  const about = (name: string) => findings.filter(({ check }) => check === name)
  return { code, stderr, stdout, about, errors: findings.filter(({ status }) => status === 'error') }
}

const found = (findings: Finding[], status: string, message: RegExp) =>
  findings.some(finding => finding.status === status && message.test(finding.message))

/** A server that runs, and the environment of a command beside it. */
async function running(t: Test, more: Record<string, string> = {}) {
  const { env } = await commandLine(t)
  const server = await launch(t, { ...env, METRICS_TOKEN, ...more })
  await server.ready
  return { server, env: { ...env, METRICS_TOKEN, PORT: new URL(server.url).port, ...more } }
}

t.test('a server that is well', async t => {
  const mail = await openMailServer(t)
  const provider = await openProvider(t, ['http://localhost:3000/oidc/callback'])
  const { env } = await running(t, {
    SMTP_URL: mail.url,
    MAIL_FROM: 'Postern <no-reply@example.com>',
    OIDC_ISSUER: provider.issuer,
    OIDC_CLIENT_ID: OIDC_CLIENT.clientId,
    OIDC_CLIENT_SECRET: OIDC_CLIENT.clientSecret,
    ...(HAS_REDIS && { REDIS_URL: await openRedis(t) }),
  })
  const { code, stderr, errors, about } = await examine(env)
  t.strictSame(errors, [])
  t.match({ code, stderr }, { code: 0, stderr: '' })
  t.ok(found(about('issuer'), 'ok', /responds with the metadata of this issuer/))
  t.ok(found(about('issuer'), 'ok', /clock of .* agrees/))
  t.ok(found(about('proxy'), 'ok', /No proxy is between/))
  t.ok(found(about('mail'), 'ok', /lets us in/))
  t.equal(mail.mails.length, 0, 'and no mail is sent')
  t.ok(found(about('oidc'), 'ok', /publishes its metadata/))
  if (HAS_REDIS) t.ok(found(about('redis'), 'ok', /responds/))
  if (SERVER) {
    for (const check of ['migrations', 'keys', 'notifications', 'administrator'])
      t.match(about(check), [{ status: 'ok' }], check)
    t.ok(found(about('issuer'), 'ok', /keys are those of this database/))
    t.ok(found(about('database'), 'ok', /does not leave this machine|certificate is verified/))
  } else t.ok(found(about('opening'), 'skipped', /in use/), 'the server holds the embedded database')
  const text = await commandsOn(env).run(['doctor'])
  t.match(text.stdout, /^ok {7}configuration {2}Every setting is valid\.$/m)
})

t.test('a setting that is wrong is named, and nothing is created', async t => {
  const DATA_DIR = join(temporaryFolder(t), 'data')
  const { code, about } = await examine({ DATA_DIR, LOG_LEVEL: 'loud' })
  t.equal(code, 1)
  t.match(about('configuration'), [{ status: 'error', message: /^LOG_LEVEL / }])
  const { about: fresh } = await examine({ DATA_DIR, PORT: String(await freePort()) })
  t.ok(found(fresh('opening'), 'skipped', /There is no database in/))
})

t.test('faults around the server', async t => {
  const { env } = await commandLine(t)
  const closed = await freePort()
  const mail = await openMailServer(t, {
    authOptional: false,
    onAuth: (_auth, _session, callback) => callback(new Error('no')),
  })
  const provider = await openProvider(t, [])
  provider.state = 'break'
  const key = join(temporaryFolder(t), 'key')
  writeFileSync(key, Buffer.alloc(32, 7).toString('base64'))
  chmodSync(key, 0o644)
  const { APP_KEY: _, ...rest } = env
  const { code, stderr, about } = await examine({
    ...rest,
    APP_KEY_FILE: key,
    PORT: String(closed),
    METRICS_TOKEN: 'x'.repeat(40),
    SMTP_URL: mail.url.replace('//', '//user:wrong@'),
    MAIL_FROM: 'no-reply@example.com',
    REDIS_URL: `redis://127.0.0.1:${closed}`,
    OIDC_ISSUER: provider.issuer,
    OIDC_CLIENT_ID: 'postern',
    OIDC_CLIENT_SECRET: 'a-secret',
  })
  t.equal(code, 1)
  t.match(stderr, /^postern: \d+ errors\n$/)
  t.ok(found(about('issuer'), 'error', /ECONNREFUSED/))
  t.ok(found(about('mail'), 'error', /Invalid login|no/))
  t.ok(found(about('redis'), 'error', /ECONNREFUSED/))
  t.ok(found(about('oidc'), 'error', /cannot be read/))
  t.ok(found(about('files'), 'warning', /can read .*key/))
  t.ok(found(about('values'), 'warning', /METRICS_TOKEN is not random/))
  t.ok(found(about('values'), 'warning', /APP_KEY is not random/))
  chmodSync(key, 0o666)
  t.ok(
    found((await examine({ ...rest, APP_KEY_FILE: key, PORT: String(closed) })).about('files'), 'error', /can change/),
  )
})

t.test('another server at ISSUER', async t => {
  const { server } = await running(t)
  const { env } = await commandLine(t)
  const other = await examine({ ...env, ISSUER: server.url })
  t.ok(found(other.about('issuer'), 'error', /is the metadata of "http:\/\/localhost:\d+", not of/))
  const port = new URL(server.url).port
  if (!SERVER) return
  await commandsOn(env).run(['migrate'])
  const same = await examine({ ...env, PORT: port })
  t.ok(
    found(same.about('issuer'), 'error', /lacks keys of this database/),
    'a server with the same name and another database',
  )
})

/** A clock that is an hour ahead, in the process of the command only. */
const AHEAD = `const now = Date.now; Date.now = () => now() + 3600000`

t.test('clocks that differ', async t => {
  const { env } = await running(t)
  const { about } = await examine(env, { node: [`--import=data:text/javascript,${encodeURIComponent(AHEAD)}`] })
  t.ok(found(about('issuer'), 'error', /clock of http:.* is 3\d{3}(\.\d)? s behind/))
  if (SERVER) t.ok(found(about('database'), 'error', /clock of PostgreSQL at .* behind/))
})

t.test('proxies and TRUST_PROXY', async t => {
  let target = ''
  const cases = [
    [
      'appends, and is trusted',
      '127.0.0.2',
      (got?: string, client = '') => [got, client].filter(Boolean).join(', '),
      'ok',
      /sees the address 127\.0\.0\.1 behind the proxy 127\.0\.0\.2/,
    ],
    [
      'appends, and is unknown',
      'false',
      (got?: string, client = '') => [got, client].filter(Boolean).join(', '),
      'error',
      /share its limits/,
    ],
    ['passes on what clients send', '127.0.0.2', (got?: string) => got, 'error', /client can choose/],
    ['says nothing', '127.0.0.2', () => undefined, 'error', /does not say which client/],
  ] as const
  const { env } = await commandLine(t)
  for (const [name, TRUST_PROXY, forwardedFor, status, message] of cases) {
    const port = await forwardingProxy(t, () => target, forwardedFor)
    const ISSUER = `http://127.0.0.1:${port}`
    const server = await launch(t, { ...(await commandLine(t)).env, METRICS_TOKEN, TRUST_PROXY, ISSUER })
    await server.ready
    target = server.url
    const { about } = await examine({ ...env, METRICS_TOKEN, TRUST_PROXY, ISSUER })
    t.ok(found(about('proxy'), status, message), `${name}: ${about('proxy')[0]?.message}`)
    server.kill('SIGTERM')
    await server.ended
  }
})

t.test('a disk that is nearly full', async t => {
  const disk = smallDisk(t, 'size=2m')
  if (!disk) return t.pass('this user may not mount one', { skip: true })
  const { about } = await examine({ DATA_DIR: join(disk, 'data'), PORT: String(await freePort()) })
  t.ok(found(about('disk'), 'error', /^[012] MB are free/))
})

t.test('a database that is away, empty, or of another key', ONLY_SHARED, async t => {
  const env = { APP_KEY, DATA_DIR: temporaryFolder(t), PORT: String(await freePort()) }
  const away = await examine({ ...env, DATABASE_URL: `postgres://postgres@127.0.0.1:${await freePort()}/postern` })
  t.ok(found(away.about('database'), 'error', /cannot be reached: .*ECONNREFUSED/))
  t.match(away.about('migrations'), [{ status: 'skipped' }])

  const empty = await examine({ ...env, DATABASE_URL: await emptyDatabase(SERVER as string, t) })
  t.ok(found(empty.about('migrations'), 'error', /lacks \d+ migrations/))

  const postern = await commandLine(t)
  const migrated = postern.env
  const input = 'correct horse battery'
  await postern.run(['user', 'create', '--email', 'a@b.example', '--name', 'A', '--admin', '--password-stdin'], {
    input,
  })
  const client = new pg.Client({ connectionString: migrated.DATABASE_URL })
  await client.connect()
  await client.query("update users set must_change_password = true, created_at = now() - interval '1 day'")
  await client.query("update oauth_signing_keys set activated_at = now() - interval '400 days' where state = 'current'")
  await client.end()
  const old = await examine({ ...migrated, PORT: env.PORT })
  t.ok(found(old.about('keys'), 'warning', /in use for 400 days/))
  t.ok(found(old.about('administrator'), 'warning', /still has the password/))
  const otherKey = await examine({ ...migrated, PORT: env.PORT, APP_KEY: Buffer.from(APP_KEY).toString('base64') })
  t.ok(found(otherKey.about('keys'), 'error', /APP_KEY/))
})

t.test('notifications that do not arrive', ONLY_SHARED, async t => {
  const { env } = await commandLine(t)
  const DATABASE_LISTEN_URL = await emptyDatabase(SERVER as string, t)
  const { about } = await examine({ ...env, DATABASE_LISTEN_URL, PORT: String(await freePort()) })
  t.ok(found(about('notifications'), 'error', /do not arrive on DATABASE_LISTEN_URL/))
})

t.test('a connection that others can read or take over', async t => {
  const remote = { encrypted: false, verified: false, address: '10.0.0.5' }
  t.match(tlsFinding(remote, 'db'), { status: 'error', remedy: /sslmode=verify-full/ })
  t.match(tlsFinding({ ...remote, encrypted: true }, 'db'), { status: 'warning' })
  t.match(tlsFinding({ ...remote, encrypted: true, verified: true }, 'db'), { status: 'ok' })
  t.match(tlsFinding({ ...remote, address: '::1' }, 'db'), { status: 'ok' })
  t.match(await databaseCheck({ databaseUrl: undefined } as never).run(), { status: 'skipped' })
})
