import { setTimeout as pause } from 'node:timers/promises'
import { onServer } from '../databases.ts'
import type { World } from './world.ts'

/** A fault to inject. */
export interface Fault {
  name: string
  /** Injects the fault, and resolves when it is over. */
  happen(world: World): Promise<void>
}

const OUTAGE_MS = 2_000
const TWO_HOURS_MS = 7_200_000

/** The faults of a run. @param seconds how long a resource server is paused */
export function faults(world: World, seconds: number): Fault[] {
  const { cluster } = world
  return [
    {
      name: 'a node is killed, and started again',
      async happen({ nodes }) {
        await nodes[0]?.end('SIGKILL')
        await pause(OUTAGE_MS)
        await nodes[0]?.start()
      },
    },
    {
      name: 'all connections to the issuer are cut, including the feed',
      async happen({ balancer }) {
        await balancer.call('cut')
        await pause(OUTAGE_MS)
        await balancer.call('restore')
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
    {
      name: 'the clock of a resource server is set forward by two hours',
      happen: ({ guards }) => moveClock(guards, TWO_HOURS_MS),
    },
    { name: 'the clock is set back', happen: ({ guards }) => moveClock(guards, -TWO_HOURS_MS) },
    { name: 'the database closes all connections', happen: ({ databaseUrl }) => endConnections(databaseUrl) },
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
