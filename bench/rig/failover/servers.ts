import { join } from 'node:path'
import { openReplication, type Replication } from '../../../test/helpers/replication.ts'
import { onServer } from '../../databases.ts'
import { type Process, startProcess } from '../../processes.ts'
import type { calls as networkCalls } from './network.ts'

/** How much later an asynchronous standby hears of a change, so that a failover loses something to be found. */
const STANDBY_DELAY_MS = 1_500
const LAG = `select coalesce(max(extract(epoch from flush_lag)), 0)::float * 1000 as lag from pg_stat_replication`

/** A primary and a standby, and the network in front of them. */
export interface Servers extends Replication {
  network: Process<typeof networkCalls>
  /** Where nodes reach the servers: host and port, the primary first. */
  hosts: [primary: string, standby: string]
  /** The primary stays alone: nothing that is sent to it or that it sends arrives, and nobody is told. */
  cutPrimary(): Promise<void>
  /** How far the standby is behind, in milliseconds, as the primary shows it in `pg_stat_replication`. */
  lag(): Promise<number>
}

/** @param options.asynchronous the primary does not wait for the standby, which is slow */
export async function openServers(options: {
  asynchronous: boolean
  defer: (work: () => unknown) => void
}): Promise<Servers> {
  const { asynchronous, defer } = options
  const pair = await openReplication({ teardown: defer })
  const network = await startProcess<typeof networkCalls>(join(import.meta.dirname, 'network.ts'), {})
  defer(() => network.close())
  const to = Number(pair.primary.host.split(':')[1])
  const wire = await network.call('wire', { to })
  const replication = await network.call('wire', { to, ...(asynchronous && { delayMs: STANDBY_DELAY_MS }) })
  const upstream = `host=127.0.0.1 port=${replication} user=postgres application_name=standby`
  await set(pair.standby.host, 'primary_conninfo', upstream)
  if (asynchronous) await set(pair.primary.host, 'synchronous_standby_names', '')
  return {
    ...pair,
    network,
    hosts: [`127.0.0.1:${wire}`, pair.standby.host],
    async cutPrimary() {
      for (const port of [wire, replication]) await network.call('silence', port)
    },
    async lag() {
      const rows = await onServer(serverUrl(pair.primary.host), async client => (await client.query(LAG)).rows)
      return (rows[0] as { lag: number }).lag
    },
  }
}

/** @param host with its port */
export const serverUrl = (host: string, database = 'postgres') => `postgres://postgres@${host}/${database}`

async function set(host: string, name: string, value: string): Promise<void> {
  await onServer(serverUrl(host), async client => {
    await client.query(`alter system set ${name} = '${value}'`)
    await client.query('select pg_reload_conf()')
  })
}
