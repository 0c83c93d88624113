import { Worker } from 'node:worker_threads'
import { redactError } from '../redact-error.ts'
import { type WasmModules, wasmModules } from './wasm.ts'

/** A running PostgreSQL with one connection. */
export interface Engine {
  query(sql: string, params: readonly unknown[]): Promise<StatementResult>
  close(): Promise<void>
  /** true: it has stopped for any reason, and another one must be started. */
  readonly closed: boolean
}

export interface EngineOptions {
  /** The data directory; without it, the data is in memory. */
  folder?: string | undefined
  /** A PGlite dump with the initial content of a new database. */
  dump?: Blob | undefined
}

/** The result of one statement. */
export interface StatementResult {
  rows: object[]
  command: string
  rowCount: number
}

/** The first message to the worker: the WebAssembly modules. */
export type WorkerModules = { modules: WasmModules }
/** A statement for the worker; `undefined`: the worker closes the database and exits. */
export type WorkerRequest = { sql: string; params: readonly unknown[] } | undefined
export type WorkerResponse = { result: StatementResult | undefined } | { error: { message: string } }

/** `admin_shutdown` (PostgreSQL, appendix A): callers get a 503 and may retry. */
const STOPPED = '57P01'
const WORKER = import.meta.filename.endsWith('.ts') ? './worker.ts' : './worker.js'

/**
 * Starts PGlite in a worker. The worker sends one response to each message, in order; the first one is to the opening of
 * the database.
 * @returns once the database is open
 */
export async function startEngine(options: EngineOptions): Promise<Engine> {
  const pending: PromiseWithResolvers<StatementResult | undefined>[] = []
  // The worker inherits no flags, hooks or output streams of this process.
  const worker = new Worker(new URL(WORKER, import.meta.url), {
    workerData: options,
    env: {},
    execArgv: [],
    stdout: true,
    stderr: true,
  })
  // The output is discarded; unread, it would be buffered in memory.
  worker.stdout.resume()
  worker.stderr.resume()
  const exited = new Promise<void>(resolve => void worker.once('exit', () => resolve()))
  let closed = false
  let opened = false

  function nextResponse(): Promise<StatementResult | undefined> {
    const response = Promise.withResolvers<StatementResult | undefined>()
    pending.push(response)
    return response.promise
  }
  function stop(error?: Error): void {
    closed = true
    const reason = error && !opened ? error : stoppedError(error)
    for (const { reject } of pending.splice(0)) reject(reason)
  }

  worker.on('message', (response: WorkerResponse) => {
    const { resolve, reject } = pending.shift() as PromiseWithResolvers<StatementResult | undefined>
    if ('error' in response) reject(asError(response.error))
    else resolve(response.result)
  })
  worker.on('error', stop)
  worker.once('exit', () => stop())
  const open = nextResponse()
  // Compiled here while the worker loads its own modules.
  wasmModules().then(
    modules => worker.postMessage({ modules } satisfies WorkerModules),
    error => {
      stop(error)
      void worker.terminate()
    },
  )
  await open
  opened = true
  return {
    get closed() {
      return closed
    },
    async query(sql, params) {
      if (closed) throw stoppedError()
      worker.postMessage({ sql, params } satisfies WorkerRequest)
      return (await nextResponse()) as StatementResult
    },
    async close() {
      worker.postMessage(undefined satisfies WorkerRequest)
      await exited
    },
  }
}

/** Restores the fields of an error, such as `code`, which structured cloning between threads drops. */
function asError({ message, ...fields }: { message: string }): Error {
  return redactError(Object.assign(new Error(message), fields))
}

function stoppedError(cause?: Error): Error {
  const message = cause ? `The embedded database stopped: ${cause.message}` : 'The embedded database has stopped.'
  return Object.assign(new Error(message, { cause }), { code: STOPPED })
}
