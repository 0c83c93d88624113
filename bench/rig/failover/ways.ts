import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { guide } from '../../../test/helpers/guide.ts'
import { NO_POOLER, startPooler } from '../../../test/helpers/pgbouncer.ts'
import { onServer } from '../../databases.ts'
import { freePort } from '../ports.ts'
import { type Servers, serverUrl } from './servers.ts'

/** The settings with which nodes reach whichever server is the primary. */
export interface Access {
  databaseUrl: string
  listenUrl?: string
  /** What the script of an operator does besides, once the standby is promoted. */
  promoted(): Promise<void>
}

/** A way from the nodes to the primary. */
export interface Way {
  title: string
  /** Why it cannot be used on this machine; false: it can. */
  missing: string | false
  open(servers: Servers, database: string, defer: (work: () => unknown) => void): Promise<Access>
}

const IS_PRIMARY = 'select 1 where not pg_is_in_recovery()'
const ENOUGH = 4
const MAX_ATTEMPTS = 100
const RETRY_MS = 100
const HAPROXY = ['/usr/sbin/haproxy', '/usr/local/sbin/haproxy', '/usr/bin/haproxy'].find(path => existsSync(path))

export const WAYS = {
  hosts: {
    title: 'a URL of both servers',
    missing: false,
    async open(servers, database) {
      return { databaseUrl: severalHosts(servers, database), promoted: async () => {} }
    },
  },
  haproxy: {
    title: 'HAProxy, which asks each server whether it is the primary',
    missing: !HAPROXY && 'HAProxy is not installed (apt-get install haproxy)',
    open: behindHaproxy,
  },
  pgbouncer: {
    title:
      'PgBouncer in transaction mode, which the operator turns to the new primary, and DATABASE_LISTEN_URL past it',
    missing: NO_POOLER && `${NO_POOLER}: apt-get install pgbouncer`,
    async open(servers, database, defer) {
      const [primary, standby] = servers.hosts
      const pooler = await startPooler({ teardown: defer }, serverUrl(primary, database), 'transaction')
      return {
        databaseUrl: pooler.url,
        listenUrl: severalHosts(servers, database),
        promoted: () => pooler.switchTo(standby),
      }
    },
  },
} satisfies Record<string, Way>

export type WayName = keyof typeof WAYS

function severalHosts({ hosts }: Servers, database: string): string {
  return `${serverUrl(hosts.join(), database)}?target_session_attrs=read-write`
}

/** With the configuration of docs/standby.md. */
async function behindHaproxy(
  servers: Servers,
  database: string,
  defer: (work: () => unknown) => void,
): Promise<Access> {
  const port = await freePort()
  const checks = servers.hosts.map(host => servers.network.call('primaryCheck', serverUrl(host)))
  const [first, second] = await Promise.all(checks)
  const config = guide('docs/standby.md', {
    ':5000': `127.0.0.1:${port}`,
    'db1.example.com:5432 check port 8008': `${servers.hosts[0]} check port ${first}`,
    'db2.example.com:5432 check port 8008': `${servers.hosts[1]} check port ${second}`,
  }).block('haproxy')
  const folder = mkdtempSync(join(tmpdir(), 'postern-haproxy-'))
  defer(() => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'haproxy.cfg')
  writeFileSync(file, config)
  const proxy = spawn(HAPROXY as string, ['-q', '-db', '-f', file], { stdio: 'ignore' })
  const ended = once(proxy, 'exit')
  defer(async () => {
    proxy.kill('SIGKILL')
    await ended
  })
  const databaseUrl = serverUrl(`127.0.0.1:${port}`, database)
  await untilServing(databaseUrl)
  return { databaseUrl, promoted: async () => {} }
}

/** Waits until HAProxy has found the primary: before its first checks, it takes each server for one, in turn. */
async function untilServing(url: string): Promise<void> {
  let found = 0
  for (let attempt = 1; found < ENOUGH; attempt++) {
    if (attempt > MAX_ATTEMPTS) throw new Error('HAProxy does not lead to the primary')
    const rows = await onServer(url, async client => (await client.query(IS_PRIMARY)).rows).catch(() => [])
    found = rows.length > 0 ? found + 1 : 0
    await pause(RETRY_MS)
  }
}
