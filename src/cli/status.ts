import { setTimeout as pause } from 'node:timers/promises'
import type { Command } from 'commander'
import type { ClusterStatus, NodeState } from '../status/cluster-status.ts'
import { examples, JSON_OPTION, type JsonOption } from './options.ts'
import { printResult, table } from './output.ts'
import { withServices } from './services.ts'

interface Options extends JsonOption {
  watch?: boolean
}

const WATCH_MS = 500
const ONE_NODE = 'The database is embedded: there is one node, and it applies every change before it confirms it.'

export function statusCommand(postern: Command): void {
  postern
    .command('status')
    .description(
      'Show which changes each node and each event feed subscriber has received: "seen by 3 of 3 nodes in 12 ms".',
    )
    .option('--watch', 'print the status whenever it changes, until Ctrl-C; with --json, one line each')
    .option(...JSON_OPTION)
    .addHelpText('after', examples('postern status', 'postern status --watch'))
    .action(run)
}

async function run({ watch = false, json }: Options): Promise<void> {
  const { loadConfig } = await import('../config/config.ts')
  const { databaseUrl, dataDir } = loadConfig(process.env, {}, { create: false })
  if (!databaseUrl) {
    const { requireDataDir } = await import('../database/embedded/existing.ts')
    requireDataDir(dataDir)
    // The server holds the embedded database, and a single node cannot be behind.
    return printResult(json, { embedded: true, newest: null, nodes: [] }, ONE_NODE)
  }
  const { readClusterStatus } = await import('../status/cluster-status.ts')
  await withServices(async ({ db }) => {
    let shown = ''
    for (;;) {
      const clusterStatus = await readClusterStatus(db)
      const current = JSON.stringify(clusterStatus, (key, value) => (key === 'silentMs' ? undefined : value))
      if (current !== shown) show(clusterStatus, json, watch)
      shown = current
      if (!watch) return
      await pause(WATCH_MS)
    }
  }, 'read')
}

function show(clusterStatus: ClusterStatus, json: boolean | undefined, watch: boolean): void {
  if (json && watch) process.stdout.write(`${JSON.stringify(toJson(clusterStatus))}\n`)
  else printResult(json, toJson(clusterStatus), `${toText(clusterStatus)}${watch ? '\n' : ''}`)
}

const toJson = ({ newest, nodes, seenBy, latencyMs }: ClusterStatus) => ({
  embedded: false,
  newest,
  seen_by: seenBy,
  seen_in_ms: rounded(latencyMs),
  nodes: nodes.map(({ id, name, sequence, behind, connected, readers, ...node }) => ({
    id,
    name,
    sequence,
    behind,
    seen_in_ms: rounded(node.latencyMs),
    listening: connected,
    silent_for_ms: rounded(node.silentMs),
    readers,
  })),
})

const rounded = (ms: number | null) => (ms === null ? null : Math.round(ms * 10) / 10)
const milliseconds = (ms: number | null) => (ms === null ? '-' : `${rounded(ms)} ms`)

function toText({ newest, nodes, seenBy, latencyMs }: ClusterStatus): string {
  const tables = [nodes.length > 0 ? nodeTable(nodes) : '', readerTable(newest?.sequence ?? 0, nodes)]
  const time = latencyMs === null ? '' : ` in ${milliseconds(latencyMs)}`
  const first = newest
    ? `Change ${newest.sequence} of ${newest.at.toISOString()}: seen by ${seenBy} of ${nodes.length} nodes${time}`
    : `No recent changes; ${nodes.length} nodes`
  return [first, notListeningNote(nodes), ...tables].filter(Boolean).join('\n\n')
}

function notListeningNote(nodes: NodeState[]): string {
  const notListening = nodes.filter(node => !node.connected).length
  if (notListening === 0) return ''
  return `${notListening} of ${nodes.length} nodes do not receive notifications and query the database for every token. If this persists, check that DATABASE_LISTEN_URL points directly to the same database.`
}

const nodeTable = (nodes: NodeState[]) =>
  table(
    ['node', 'position', 'behind', 'seen in', 'listens', 'readers', 'last seen'],
    nodes.map(({ name, sequence, behind, latencyMs, connected, readers, silentMs }) => [
      name,
      sequence,
      behind,
      milliseconds(latencyMs),
      connected,
      readers.length,
      `${(silentMs / 1000).toFixed(1)} s ago`,
    ]),
  )

function readerTable(newest: number, nodes: NodeState[]): string {
  const rows = nodes.flatMap(({ name, readers }) =>
    readers.map(({ client_id, sequence }) => [client_id, name, sequence, Math.max(0, newest - sequence)]),
  )
  return rows.length > 0 ? table(['reader', 'node', 'position', 'behind'], rows) : ''
}
