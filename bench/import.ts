/**
 * Measures `postern import`: makes a source with so many tokens, imports it into an empty PostgreSQL database, and prints how
 * long it took, the CPU time of the command, the largest memory of its process and the load of the machine.
 *
 * node --conditions=postern-source bench/import.ts 1000000 sanctum dump postgres://postgres@127.0.0.1:5432/postgres
 *
 * The second is `sanctum`, `passport` or `doorkeeper`; the third is `dump`, or the URL of a server of MySQL or PostgreSQL,
 * where the source becomes a database.
 */
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createDatabase } from './databases.ts'
import { type Loaded, loadMysql, loadPostgres, writeDump } from './import/load.ts'
import { TABLES } from './import/rows.ts'

const [count = '1000000', system = 'sanctum', source = 'dump', server = 'postgres://postgres@127.0.0.1:5432/postgres'] =
  process.argv.slice(2)
const ROWS = Number(count)
const BIN = join(import.meta.dirname, '../bin/postern.js')
const SAMPLE_MS = 100
const TICKS_PER_SECOND = 100
const APP_KEY = randomBytes(32).toString('base64')

/** Runs the import, and samples the memory and the CPU time of its process. */
async function measure(from: string, databaseUrl: string) {
  const env = { ...process.env, DATABASE_URL: databaseUrl, APP_KEY }
  const begun = performance.now()
  const args = ['--conditions=postern-source', BIN, 'import', system, '--from', from, '--users', 'create']
  if (system === 'doorkeeper') args.push('--hashed-since', '2000-01-01')
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'inherit', 'inherit'] })
  let last = { kilobytes: 0, cpuSeconds: 0 }
  const timer = setInterval(() => {
    last = sample(child.pid as number) ?? last
  }, SAMPLE_MS)
  const [code] = await once(child, 'close')
  clearInterval(timer)
  return { code, seconds: (performance.now() - begun) / 1_000, ...last }
}

/** @returns undefined when the process has ended */
function sample(pid: number): { kilobytes: number; cpuSeconds: number } | undefined {
  try {
    const [, kilobytes] = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
    // A process that is ending has no memory.
    if (kilobytes === undefined) return undefined
    // Behind the name of the command, which may contain blanks: utime and stime (proc(5)).
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /, '')
      .split(' ')
    return { kilobytes: Number(kilobytes), cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND }
  } catch {
    return undefined
  }
}

function load(folder: string): Promise<Loaded> {
  const tables = TABLES[system]?.(ROWS, Math.max(1, Math.floor(ROWS / 100)))
  if (!tables) throw new Error(`There is no system ${system}.`)
  if (source === 'dump') return writeDump(tables, join(folder, 'dump.sql'))
  return source.startsWith('postgres') ? loadPostgres(tables, source) : loadMysql(tables, source)
}

const folder = mkdtempSync(join(tmpdir(), 'postern-import-'))
const database = await createDatabase(server)
let loaded: Loaded | undefined
try {
  loaded = await load(folder)
  for (const time of ['first', 'second']) {
    const { code, seconds, cpuSeconds, kilobytes } = await measure(loaded.from, database.url)
    const rate = Math.round(ROWS / seconds).toLocaleString('en')
    console.log(
      `${system} from ${source.split(':')[0]}, ${time} import: exit ${code}, ${seconds.toFixed(1)} s, ${rate} rows/s, ` +
        `${cpuSeconds.toFixed(1)} s of CPU, ${Math.round(kilobytes / 1_024)} MB, load ${loadavg()[0]?.toFixed(1)}\n`,
    )
  }
} finally {
  await loaded?.drop()
  await database.drop()
  rmSync(folder, { recursive: true })
}
