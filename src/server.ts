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
  // The server reads it again. An error in it is reported before anything is created.
  loadCatalogue(config.scopesFile)
  // Other modules are loaded while the embedded database opens in a thread of its own.
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
 * A signal arrives twice when both a terminal and npm send it. The second one is ignored; `close-with-grace` would exit
 * with 1. A signal during the start exits immediately, which is safe for both databases.
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

/** One line for an error that the operator can fix; the stack for any other. */
export function explain(error: unknown): string {
  return error instanceof StartupError ? error.message : ((error as Error)?.stack ?? String(error))
}

if (import.meta.main) {
  try {
    // Beside the code, so that only who can change the code can write it. Without write access the start is slower.
    enableCompileCache(resolve(import.meta.dirname, '..', 'node_modules', '.cache', 'postern'))
    await serve(loadConfig())
  } catch (error) {
    process.stderr.write(`postern: ${explain(error)}\n`)
    process.exitCode = 1
  }
}
