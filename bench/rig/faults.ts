import { setTimeout as pause } from 'node:timers/promises'
import { onServer } from '../databases.ts'
import type { World } from './world.ts'

/** Something that goes wrong, and is mended before it settles. */
export interface Fault {
  name: string
  happen(world: World): Promise<void>
}

const AWAY_MS = 2_000
const TWO_HOURS_MS = 7_200_000

/** @param seconds that a resource server is paused */
export function faults(world: World, seconds: number): Fault[] {
  const { cluster } = world
  return [
    {
      name: 'a node is killed, and started again',
      async happen({ nodes }) {
        await nodes[0]?.end('SIGKILL')
        await pause(AWAY_MS)
        await nodes[0]?.start()
      },
    },
    {
      name: 'the feed is cut, and everything else of the issuer',
      async happen({ balancer }) {
        await balancer.call('cut')
        await pause(AWAY_MS)
        await balancer.call('mend')
      },
    },
    {
      name: `a resource server is paused for ${seconds} s`,
      async happen({ guards }) {
        const { pid } = guards[1]?.process ?? {}
        if (pid === undefined) return
        process.kill(pid, 'SIGSTOP')
        await pause(seconds * 1000).finally(() => process.kill(pid, 'SIGCONT'))
      },
    },
    { name: 'the clock of one goes forward by two hours', happen: ({ guards }) => moveClock(guards, TWO_HOURS_MS) },
    { name: 'and back', happen: ({ guards }) => moveClock(guards, -TWO_HOURS_MS) },
    { name: 'the database ends every connection', happen: ({ databaseUrl }) => endConnections(databaseUrl) },
    ...(cluster
      ? [
          { name: 'PostgreSQL is restarted', happen: async () => cluster.restart() },
          { name: 'PostgreSQL is killed', happen: async () => cluster.kill() },
        ]
      : []),
  ]
}

async function moveClock(guards: World['guards'], by: number): Promise<void> {
  await guards[2]?.process.call('moveClock', by)
}

async function endConnections(url: string): Promise<void> {
  const sql = `select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid()`
  await onServer(url, client => client.query(sql))
}
