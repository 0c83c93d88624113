import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, chown, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'

/** PGBOUNCER_PATH, or where Debian installs it. */
const PROGRAM = process.env.PGBOUNCER_PATH ?? '/usr/sbin/pgbouncer'
const ROOT = process.getuid?.() === 0
/** `nobody`: PgBouncer refuses to run as root. */
const NOBODY = 65_534

/** Why there is no pooler to test with; false where there is one. */
export const NO_POOLER = !existsSync(PROGRAM) && `PgBouncer is not at ${PROGRAM} (PGBOUNCER_PATH)`

type Test = { teardown(work: () => unknown): void }

/** A PgBouncer in front of one database. */
export interface Pooler {
  /** The URL of the database through it. */
  url: string
  /**
   * Turns to another server, as the script of an operator does after a failover. The former server may be gone: nothing waits
   * for it.
   * @param host with its port
   */
  switchTo(host: string): Promise<void>
}

/** @returns the URL of the same database through a PgBouncer of this test's own */
export async function openPooler(t: Test, databaseUrl: string, mode: 'transaction' | 'session'): Promise<string> {
  return (await startPooler(t, databaseUrl, mode)).url
}

/** Starts a PgBouncer of this test's own. */
export async function startPooler(t: Test, databaseUrl: string, mode: 'transaction' | 'session'): Promise<Pooler> {
  const target = new URL(databaseUrl)
  const database = target.pathname.slice(1)
  const folder = await mkdtemp(join(tmpdir(), 'postern-pgbouncer-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const port = await freePort()
  const file = join(folder, 'pgbouncer.ini')
  await writeFile(file, settings(target, port, mode))
  if (ROOT) for (const path of [folder, file]) await chown(path, NOBODY, NOBODY)
  await chmod(folder, 0o700)
  const ids = ROOT ? { uid: NOBODY, gid: NOBODY } : {}
  const pooler = spawn(PROGRAM, ['-q', file], { stdio: 'ignore', ...ids })
  const ended = new Promise<void>(resolve => pooler.once('exit', () => resolve()))
  t.teardown(async () => {
    pooler.kill('SIGKILL')
    await ended
  })
  const url = new URL(databaseUrl)
  url.host = `127.0.0.1:${port}`
  await answers(url.href)
  return {
    url: url.href,
    async switchTo(host) {
      target.host = host
      await writeFile(file, settings(target, port, mode))
      url.pathname = '/pgbouncer'
      const admin = new pg.Client({ connectionString: url.href })
      await admin.connect()
      // PAUSE would wait for statements that a dead server never answers.
      for (const command of ['reload', `kill ${database}`, `resume ${database}`]) await admin.query(command)
      await admin.end()
    },
  }
}

function settings(target: URL, port: number, mode: string): string {
  const password = target.password ? ` password=${decodeURIComponent(target.password)}` : ''
  return `[databases]
${target.pathname.slice(1)} = host=${target.hostname} port=${target.port || 5432} user=${target.username || 'postgres'}${password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
admin_users = ${target.username || 'postgres'}
pool_mode = ${mode}
default_pool_size = 20
server_login_retry = 1
ignore_startup_parameters = extra_float_digits
`
}

async function answers(connectionString: string): Promise<void> {
  for (let tries = 0; ; tries++) {
    const client = new pg.Client({ connectionString, connectionTimeoutMillis: 2_000 })
    client.on('error', () => {})
    try {
      await client.connect()
      return await client.end()
    } catch (error) {
      await client.end().catch(() => {})
      if (tries === 100) throw error
      await new Promise(resolve => setTimeout(resolve, 20))
    }
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}
