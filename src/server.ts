import { enableCompileCache } from 'node:module'
import { resolve } from 'node:path'
import { type Config, loadConfig } from './config/config.ts'
import { startEmbedded } from './database/embedded/embedded.ts'
import { StartupError } from './errors/errors.ts'
import { loadCatalogue } from './scopes/catalogue.ts'

const MAX_CLOSE_MS = 10_000

/** Listens, and closes gracefully on SIGINT or SIGTERM. */
export async function serve(config: Config): Promise<void> {
  let close: () => Promise<unknown> = async () => {}
  closeOnSignal(() => close())
  // The server reads it again; but a mistake in it is told at once, before anything is made.
  loadCatalogue(config.scopesFile)
  // The rest is loaded only now, while the embedded database opens on a thread of its own.
  const embedded = config.databaseUrl ? undefined : startEmbedded(config.dataDir)
  try {
    const { start } = await import('./start.ts')
    const app = await start(config, embedded)
    close = () => app.close()
  } catch (error) {
    await embedded?.release()
    throw error
  }
}

/**
 * A signal comes twice when a terminal and npm both pass it on: the second changes nothing, where `close-with-grace`
 * would exit with 1. One that comes during the start ends it at once, since nobody is being served and both databases
 * stand it.
 */
function closeOnSignal(close: () => Promise<unknown>): void {
  let closing = false
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (closing) return
      closing = true
      setTimeout(() => process.exit(1), MAX_CLOSE_MS).unref()
      close().then(
        () => process.exit(0),
        () => process.exit(1),
      )
    })
  }
}

/** One line for what a person can mend, the whole error for what only we can. */
export function explain(error: unknown): string {
  return error instanceof StartupError ? error.message : ((error as Error)?.stack ?? String(error))
}

if (import.meta.main) {
  try {
    // Beside the code, where only whoever may change the code can write. Where nobody can, a start takes longer.
    enableCompileCache(resolve(import.meta.dirname, '..', 'node_modules', '.cache', 'postern'))
    await serve(loadConfig())
  } catch (error) {
    process.stderr.write(`postern: ${explain(error)}\n`)
    process.exitCode = 1
  }
}
