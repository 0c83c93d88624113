import { availableParallelism, cpus, loadavg, totalmem } from 'node:os'
import { onServer } from './databases.ts'

/** Describes the machine that the figures were measured on. */
export async function machine(server: string | undefined): Promise<string> {
  const memory = Math.round(totalmem() / 2 ** 30)
  return [
    `${availableParallelism()} × ${cpus()[0]?.model.trim()}, ${memory} GiB, load ${loadavg()[0]!.toFixed(1)} at the start`,
    `Node ${process.versions.node} on ${process.platform}; ${server ? await describe(server) : 'embedded database'}`,
  ].join('\n')
}

const SETTINGS = ['fsync', 'synchronous_commit', 'full_page_writes', 'wal_sync_method']

function describe(server: string): Promise<string> {
  return onServer(server, async client => {
    const { rows } = await client.query('select name, setting from pg_settings where name = any($1)', [SETTINGS])
    const shown = SETTINGS.map(name => `${name} ${rows.find(row => row.name === name).setting}`)
    const { rows: version } = await client.query('show server_version')
    return `PostgreSQL ${version[0].server_version} with ${shown.join(', ')}`
  })
}
