import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { PGlite, type PGliteOptions } from '@electric-sql/pglite'
import type { EngineOptions, StatementResult, WorkerModules, WorkerRequest, WorkerResponse } from './engine.ts'
import { unfinishedMarker } from './existing.ts'
import { isDiskFull, OpeningRefusedError, openingProblem, requireMajor } from './opening.ts'
import { PREBUILT } from './prebuilt.ts'
import type { WasmModules } from './wasm.ts'

/** PGlite's defaults suit a machine of its own: 128 MB of buffers, and up to a gigabyte of log to replay after a kill. */
const SETTINGS = ['shared_buffers=16MB', 'max_wal_size=64MB']

/**
 * The embedded PostgreSQL, on a thread of its own: it starts while the server's modules load, and a long statement
 * leaves the server free to answer checks from memory.
 */
async function serve(port: MessagePort, options: EngineOptions): Promise<void> {
  const [{ modules }] = (await once(port, 'message')) as [WorkerModules]
  // Without a listener the port would not keep the thread alive while the database opens.
  port.ref()
  const pglite = await open(options, modules).catch(error => {
    throw openingProblem(options.folder, error)
  })
  let last = respond(port, async () => undefined)
  port.on('message', (request: WorkerRequest) => {
    last = last.then(() => (request ? respond(port, () => runStatement(pglite, request)) : close(pglite, port)))
  })
}

async function open({ folder, dump }: EngineOptions, modules: WasmModules): Promise<PGlite> {
  if (!folder) return create(modules, dump)
  const marker = unfinishedMarker(folder)
  // A process that was killed while it made the database left half of one, in which nobody can have stored anything.
  if (existsSync(marker)) rmSync(folder, { recursive: true, force: true })
  if (existsSync(join(folder, 'PG_VERSION'))) return openExisting(folder, modules)
  assertEmpty(folder)
  mkdirSync(folder, { mode: 0o700, recursive: true })
  writeFileSync(marker, '')
  const pglite = await create({ ...modules, dataDir: folder }, dump)
  rmSync(marker)
  return pglite
}

function openExisting(folder: string, modules: WasmModules): Promise<PGlite> {
  requireMajor(readFileSync(join(folder, 'PG_VERSION'), 'utf8').trim())
  return PGlite.create(settings({ ...modules, dataDir: folder }))
}

/** Nothing that is there is ever overwritten. */
function assertEmpty(folder: string): void {
  if (!existsSync(folder) || readdirSync(folder).length === 0) return
  throw new OpeningRefusedError(
    `${folder} has files but no PG_VERSION, and is left as it is. Restore a backup (\`postern restore FILE\` with an empty DATA_DIR), or move it away.`,
  )
}

/** A new database, from a dump if one can be loaded: that takes a third of the time. */
async function create(where: PGliteOptions, dump = prebuilt()): Promise<PGlite> {
  if (!dump) return PGlite.create(settings(where))
  try {
    return await PGlite.create(settings({ ...where, loadDataDir: dump }))
  } catch (error) {
    if (isDiskFull(error)) throw error
    if (where.dataDir) rmSync(where.dataDir, { recursive: true, force: true })
    return PGlite.create(settings(where))
  }
}

function settings(options: PGliteOptions): PGliteOptions {
  return { ...options, startParams: [...PGlite.defaultStartParams, ...SETTINGS.flatMap(setting => ['-c', setting])] }
}

function prebuilt(): Blob | undefined {
  return existsSync(PREBUILT) ? new Blob([readFileSync(PREBUILT)]) : undefined
}

async function runStatement(pglite: PGlite, { sql, params }: NonNullable<WorkerRequest>): Promise<StatementResult> {
  const { rows, command = '', rowCount = 0 } = await pglite.query<object>(sql, [...params])
  return { rows, command, rowCount }
}

async function close(pglite: PGlite, port: MessagePort): Promise<void> {
  await pglite.close()
  port.close()
}

async function respond(port: MessagePort, work: () => Promise<StatementResult | undefined>): Promise<void> {
  const message: WorkerResponse = await work().then(
    answer => ({ answer }),
    error => ({ error: { ...error, message: error.message } }),
  )
  port.postMessage(message)
}

await serve(parentPort as MessagePort, workerData)
