import { onServer } from '../../databases.ts'
import { METRICS_TOKEN, type World } from '../world.ts'

/** What a process holds at a moment. */
export interface Vitals {
  /** Resident bytes. */
  memory: number
  descriptors: number
  /** What keeps the process alive: connections, timers, requests. */
  resources: number
  /** The p99 of the delay of the event loop since the last look, in milliseconds. */
  lagMs: number
}

/** The processes of the rig by their names, and the database connections of the nodes. */
export interface Sample {
  processes: Record<string, Vitals>
  connections: number
}

const METRICS = {
  memory: 'process_resident_memory_bytes',
  descriptors: 'process_open_fds',
  resources: 'nodejs_active_resources_total',
  lagMs: 'nodejs_eventloop_lag_p99_seconds',
} as const satisfies Record<keyof Vitals, string>

const CONNECTIONS = `select count(*)::int as count from pg_stat_activity where datname = current_database()`

/** Reads what each node and each guard holds now. */
export async function readVitals({ nodes, guards, databaseUrl }: World): Promise<Sample> {
  const ofNodes = nodes.map(async ({ url }, i) => [`node ${i + 1}`, await nodeVitals(url)] as const)
  const ofGuards = guards.map(async ({ name, process }) => [name, await process.call('vitals')] as const)
  const [processes, rows] = await Promise.all([
    Promise.all([...ofNodes, ...ofGuards]),
    onServer(databaseUrl, async client => (await client.query(CONNECTIONS)).rows),
  ])
  return { processes: Object.fromEntries(processes), connections: (rows[0] as { count: number }).count }
}

async function nodeVitals(url: string): Promise<Vitals> {
  const response = await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${METRICS_TOKEN}` } })
  const text = await response.text()
  const read = (name: string) => {
    const value = Number(new RegExp(`^${name} (.+)$`, 'm').exec(text)?.[1])
    if (Number.isNaN(value)) throw new Error(`a node has no metric ${name}`)
    return value
  }
  return {
    memory: read(METRICS.memory),
    descriptors: read(METRICS.descriptors),
    resources: read(METRICS.resources),
    lagMs: read(METRICS.lagMs) * 1000,
  }
}
