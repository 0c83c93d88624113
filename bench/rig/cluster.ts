import { execFileSync, spawnSync } from 'node:child_process'
import { chownSync, globSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from './ports.ts'

/** A temporary PostgreSQL, which can be restarted and killed. */
export interface Cluster {
  url: string
  restart(): void
  /** Kills the server as a power failure would, and starts it again. */
  kill(): void
  remove(): void
}

/** Creates a temporary PostgreSQL. @returns undefined: PostgreSQL is not installed */
export async function ownCluster(): Promise<Cluster | undefined> {
  const bin = globSync('/usr/lib/postgresql/*/bin').sort().at(-1)
  if (!bin) return undefined
  const folder = mkdtempSync(join(tmpdir(), 'postern-rig-'))
  const port = await freePort()
  // PostgreSQL does not run as root.
  const user = process.getuid?.() === 0 ? idsOf('postgres') : undefined
  if (user) chownSync(folder, user.uid, user.gid)
  const data = join(folder, 'data')
  const run = (program: string, ...args: string[]) =>
    execFileSync(join(bin, program), args, { ...user, cwd: folder, stdio: 'ignore' })
  const settings = `-p ${port} -h 127.0.0.1 -k ${folder} -c max_connections=200`
  const start = () => run('pg_ctl', 'start', '-w', '-D', data, '-o', settings, '-l', join(folder, 'log'))
  run('initdb', '-D', data, '-U', 'postgres', '-A', 'trust', '--no-sync')
  start()
  return {
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    restart() {
      run('pg_ctl', 'stop', '-w', '-m', 'fast', '-D', data)
      start()
    },
    kill() {
      const postmaster = Number(execFileSync('head', ['-1', join(data, 'postmaster.pid')], { encoding: 'utf8' }))
      process.kill(postmaster, 'SIGKILL')
      // Until its child processes notice and exit, the shared memory is in use and a start fails.
      for (let attempt = 0; attempt < 50; attempt++) {
        const { status } = spawnSync(
          join(bin, 'pg_ctl'),
          ['start', '-w', '-D', data, '-o', settings, '-l', join(folder, 'log')],
          { ...user, cwd: folder, stdio: 'ignore' },
        )
        if (status === 0) return
        spawnSync('sleep', ['0.2'])
      }
      throw new Error('PostgreSQL did not start again')
    },
    remove() {
      spawnSync(join(bin, 'pg_ctl'), ['stop', '-m', 'immediate', '-D', data], { ...user, cwd: folder, stdio: 'ignore' })
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function idsOf(name: string): { uid: number; gid: number } {
  const id = (flag: string) => Number(execFileSync('id', [flag, name], { encoding: 'utf8' }))
  return { uid: id('-u'), gid: id('-g') }
}
