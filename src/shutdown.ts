import type { Log } from './errors/log.ts'

const MAX_CLOSE_MS = 10_000

/** The parts of the process that its end concerns. */
export interface Process {
  /** Undefined before the server listens. */
  log: (Pick<Log, 'error'> & { info(fields: object, message: string): void; fatal: Log['error'] }) | undefined
  /** Finishes requests and closes connections. */
  close(): Promise<unknown>
}

/**
 * Ends the process on SIGINT or SIGTERM after closing it, and on an error that nobody handled. The log says why.
 *
 * A signal arrives twice when both a terminal and npm send it. The second one is ignored; `close-with-grace` would exit
 * with 1. A signal during the start exits immediately, which is safe for both databases.
 */
export function handleEnd(running: Process): void {
  let ending = false
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (ending) return
      ending = true
      running.log?.info({ signal }, `stopping: received ${signal}`)
      void close(running, { signal })
    })
  }
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(event, (error: unknown) => {
      if (running.log) running.log.fatal({ err: error }, 'stopped: an error that nobody handled')
      else process.stderr.write(`postern: ${(error as Error)?.stack ?? error}\n`)
      process.exit(1)
    })
  }
}

async function close(running: Process, fields: object): Promise<void> {
  const began = Date.now()
  const ms = () => Date.now() - began
  setTimeout(() => {
    running.log?.error({ ...fields, ms: ms() }, 'stopped before all requests were finished')
    process.exit(1)
  }, MAX_CLOSE_MS).unref()
  try {
    await running.close()
    running.log?.info({ ...fields, ms: ms() }, 'stopped')
    process.exit(0)
  } catch (error) {
    running.log?.error({ ...fields, err: error }, 'stopped: could not close')
    process.exit(1)
  }
}
