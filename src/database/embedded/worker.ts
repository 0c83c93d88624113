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

/** PGlite's defaults suit a dedicated machine: 128 MB of buffers, and up to 1 GB of log to replay after a crash. */
const SETTINGS = ['shared_buffers=16MB', 'max_wal_size=64MB']

/**
 * Runs the embedded PostgreSQL on its own thread: it starts while the server loads its modules, and a long statement does
 * not block requests that the server handles from memory.
 */
async function serve(port: MessagePort, options: EngineOptions): Promise<void> {
  const [{ modules }] = (await once(port, 'message')) as [WorkerModules]
  // A port without a listener does not keep the thread alive while the database opens.
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
  // A process that was killed while it created the database left an incomplete one, which cannot contain any data.
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

/** Existing files are never overwritten. */
function assertEmpty(folder: string): void {
  if (!existsSync(folder) || readdirSync(folder).length === 0) return
  throw new OpeningRefusedError(
    `${folder} has files but no PG_VERSION, and is left unchanged. Restore a backup (\`postern restore FILE\` with an empty DATA_DIR), or move it away.`,
  )
}

/** Creates a database, from a dump if one can be loaded, which takes a third of the time. */
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
    result => ({ result }),
    error => ({ error: { ...error, message: error.message } }),
  )
  port.postMessage(message)
}

await serve(parentPort as MessagePort, workerData)
