import { spawnSync } from 'node:child_process'
import {
  appendFileSync,
  chownSync,
  existsSync,
  globSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from './port.ts'

type Test = { teardown(work: () => unknown): void }

/** Where Debian installs PostgreSQL; the newest version. */
const PROGRAMS = globSync('/usr/lib/postgresql/*/bin')
  .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
  .at(-1)
const ROOT = process.getuid?.() === 0

/** Why no replication can be tested here; false where it can. */
export const NO_REPLICATION =
  !(PROGRAMS && existsSync(join(PROGRAMS, 'pg_basebackup'))) && 'the programs of a PostgreSQL server are not installed'

const SETTINGS = `
max_connections = 60
shared_buffers = 32MB
`

/** One PostgreSQL server in a directory of its own. */
export interface PostgresServer {
  host: string
  start(): void
  /** As a machine that loses power does. */
  kill(): void
  promote(): void
  /** From the next start on it can only be read. */
  demote(): void
}

export interface Replication {
  primary: PostgresServer
  standby: PostgresServer
  /** The standby receives nothing more, and the primary does not wait for it. */
  separate(): void
  /** The URL of a database on both, as libpq writes it. */
  url(database: string): string
}

/** A primary and a synchronous standby of this test's own. */
export async function openReplication(t: Test): Promise<Replication> {
  const folder = mkdtempSync(join(tmpdir(), 'postern-replication-'))
  if (USER.uid) chownSync(folder, USER.uid, USER.gid)
  const ports = [await freePort(), await freePort()] as const
  const primary = server(folder, 'primary', ports[0])
  const standby = server(folder, 'standby', ports[1])
  t.teardown(() => {
    for (const each of [primary, standby]) each.kill()
    rmSync(folder, { recursive: true, force: true })
  })
  run('initdb', [
    '-D',
    join(folder, 'primary'),
    '-U',
    'postgres',
    '-A',
    'trust',
    '-E',
    'UTF8',
    '--locale=C',
    '--no-sync',
  ])
  appendFileSync(join(folder, 'primary', 'postgresql.conf'), SETTINGS)
  primary.start()
  const from = ['-h', '127.0.0.1', '-p', String(ports[0]), '-U', 'postgres']
  run('pg_basebackup', [...from, '-D', join(folder, 'standby'), '-R', '-X', 'stream', '-c', 'fast'])
  const upstream = `host=127.0.0.1 port=${ports[0]} user=postgres application_name=standby`
  appendFileSync(join(folder, 'standby', 'postgresql.auto.conf'), `primary_conninfo = '${upstream}'\n`)
  standby.start()
  setting(ports[0], 'synchronous_standby_names', 'standby')
  const separate = () => {
    setting(ports[0], 'synchronous_standby_names', '')
    setting(ports[1], 'primary_conninfo', '')
  }
  const hosts = `${primary.host},${standby.host}`
  return {
    primary,
    standby,
    separate,
    url: database => `postgres://postgres@${hosts}/${database}?target_session_attrs=read-write`,
  }
}

function server(folder: string, name: string, port: number): PostgresServer {
  const control = (...args: string[]) =>
    run('pg_ctl', ['-D', join(folder, name), '-l', join(folder, `${name}.log`), ...args])
  const options = `-p ${port} -c listen_addresses=127.0.0.1 -c unix_socket_directories=${folder} -c fsync=off`
  return {
    host: `127.0.0.1:${port}`,
    start: () => control('-w', 'start', '-o', options),
    kill: () => killAll(join(folder, name)),
    promote: () => control('-w', 'promote'),
    demote: () => writeFileSync(join(folder, name, 'standby.signal'), ''),
  }
}

/** Kills the server and all its processes with signal 9. */
function killAll(data: string): void {
  const file = join(data, 'postmaster.pid')
  if (!existsSync(file)) return
  const postmaster = firstLine(file)
  const { stdout } = spawnSync('ps', ['-o', 'pid=', '--ppid', postmaster], { encoding: 'utf8' })
  const pids = [postmaster, ...stdout.split(/\s+/).filter(Boolean)]
  spawnSync('kill', ['-9', ...pids], { stdio: 'ignore' })
  while (isRunning(pids)) spawnSync('sleep', ['0.02'])
  // Its process id may soon be that of another program, and a process that nobody has waited for still has it.
  const locks = globSync(join(data, '..', '.s.PGSQL.*.lock')).filter(lock => firstLine(lock) === postmaster)
  for (const lock of [file, ...locks]) rmSync(lock)
}

const firstLine = (file: string) => readFileSync(file, 'utf8').split('\n')[0] as string
const isRunning = (pids: string[]) =>
  /^[^Z\s]/m.test(spawnSync('ps', ['-o', 'stat=', '-p', pids.join()], { encoding: 'utf8' }).stdout)

function setting(port: number, name: string, value: string): void {
  sql(port, `alter system set ${name} = '${value}'`)
  sql(port, 'select pg_reload_conf()')
}

const sql = (port: number, statement: string) =>
  run('psql', ['-h', '127.0.0.1', '-p', String(port), '-U', 'postgres', '-qc', statement])

/** Who runs PostgreSQL, which does not run as root. */
export const USER = ROOT ? { uid: id('-u'), gid: id('-g') } : {}

function id(flag: string): number {
  return Number(spawnSync('id', [flag, 'postgres'], { encoding: 'utf8' }).stdout)
}

/** Nothing is read from the programs: a server that pg_ctl starts would keep a pipe open. */
const spawned = (program: string, args: string[]) =>
  spawnSync(join(PROGRAMS as string, program), args, { ...USER, cwd: '/', stdio: 'ignore' }).status

function run(program: string, args: string[]): void {
  const status = spawned(program, args)
  if (status !== 0) throw new Error(`${program} ended with ${status}`)
}
