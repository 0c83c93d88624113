import { Worker } from 'node:worker_threads'
import { redactError } from '../redact-error.ts'
import { type WasmModules, wasmModules } from './wasm.ts'

/** A running PostgreSQL with one connection. */
export interface Engine {
  query(sql: string, params: readonly unknown[]): Promise<StatementResult>
  close(): Promise<void>
  /** true: it has stopped, for whatever reason, and another has to be started. */
  readonly closed: boolean
}

export interface EngineOptions {
  /** Where the data lies; without it, in memory. */
  folder?: string | undefined
  /** A dump that a new database begins with. */
  dump?: Blob | undefined
}

/** What PostgreSQL says to one statement. */
export interface StatementResult {
  rows: object[]
  command: string
  rowCount: number
}

/** The first message to the worker: what it runs. */
export type WorkerModules = { modules: WasmModules }
/** A statement for the worker; `undefined` asks it to close, and is answered by its end. */
export type WorkerRequest = { sql: string; params: readonly unknown[] } | undefined
export type WorkerResponse = { answer: StatementResult | undefined } | { error: { message: string } }

/** PostgreSQL's own code for a server that shut down: whoever asked is told to try again. */
const STOPPED = '57P01'
const WORKER = import.meta.filename.endsWith('.ts') ? './worker.ts' : './worker.js'

/**
 * Starts PGlite in a worker. Each message is answered by one, in order, and opening counts as the first.
 * @returns once the database is open
 */
export async function startEngine(options: EngineOptions): Promise<Engine> {
  const pending: PromiseWithResolvers<StatementResult | undefined>[] = []
  // The worker gets no flags or hooks of the process around it, and prints nothing into its output.
  const worker = new Worker(new URL(WORKER, import.meta.url), {
    workerData: options,
    env: {},
    execArgv: [],
    stdout: true,
    stderr: true,
  })
  // Nobody reads them, and what nobody takes away would be kept.
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
    else resolve(response.answer)
  })
  worker.on('error', stop)
  worker.once('exit', () => stop())
  const open = nextResponse()
  // The worker loads its own modules meanwhile.
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

/** Errors lose their fields on the way between threads; `code` is what the rest goes by. */
function asError({ message, ...fields }: { message: string }): Error {
  return redactError(Object.assign(new Error(message), fields))
}

function stoppedError(cause?: Error): Error {
  const message = cause ? `The embedded database stopped: ${cause.message}` : 'The embedded database has stopped.'
  return Object.assign(new Error(message, { cause }), { code: STOPPED })
}
