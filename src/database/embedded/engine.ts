import { Worker } from 'node:worker_threads'
import { type WasmModules, wasmModules } from './wasm.ts'

/** A running PostgreSQL with one connection. */
export interface Engine {
  query(sql: string, params: readonly unknown[]): Promise<Answer>
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
export interface Answer {
  rows: object[]
  command: string
  rowCount: number
}

/** The first message to the worker: what it runs. */
export type Program = { modules: WasmModules }
/** A statement for the worker; `undefined` asks it to close, and is answered by its end. */
export type Question = { sql: string; params: readonly unknown[] } | undefined
export type Reply = { answer: Answer | undefined } | { error: { message: string } }

/** PostgreSQL's own code for a server that shut down: whoever asked is told to try again. */
const STOPPED = '57P01'
const WORKER = import.meta.filename.endsWith('.ts') ? './worker.ts' : './worker.js'

/**
 * Starts PGlite in a worker. Each message is answered by one, in order, and opening counts as the first.
 * @returns once the database is open
 */
export async function startEngine(options: EngineOptions): Promise<Engine> {
  const waiting: PromiseWithResolvers<Answer | undefined>[] = []
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

  function wait(): Promise<Answer | undefined> {
    const reply = Promise.withResolvers<Answer | undefined>()
    waiting.push(reply)
    return reply.promise
  }
  function stop(error?: Error): void {
    closed = true
    const reason = error && !opened ? error : stopped(error)
    for (const { reject } of waiting.splice(0)) reject(reason)
  }

  worker.on('message', (reply: Reply) => {
    const { resolve, reject } = waiting.shift() as PromiseWithResolvers<Answer | undefined>
    if ('error' in reply) reject(asError(reply.error))
    else resolve(reply.answer)
  })
  worker.on('error', stop)
  worker.once('exit', () => stop())
  const open = wait()
  // The worker loads its own modules meanwhile.
  wasmModules().then(
    modules => worker.postMessage({ modules } satisfies Program),
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
      if (closed) throw stopped()
      worker.postMessage({ sql, params } satisfies Question)
      return (await wait()) as Answer
    },
    async close() {
      worker.postMessage(undefined satisfies Question)
      await exited
    },
  }
}

/** Errors lose their fields on the way between threads; `code` is what the rest goes by. */
function asError({ message, ...fields }: { message: string }): Error {
  return Object.assign(new Error(message), fields)
}

function stopped(cause?: Error): Error {
  const message = cause ? `The embedded database stopped: ${cause.message}` : 'The embedded database has stopped.'
  return Object.assign(new Error(message, { cause }), { code: STOPPED })
}
