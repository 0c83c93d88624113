import { enableCompileCache } from 'node:module'
import { resolve } from 'node:path'
import { type Config, loadConfig } from './config/config.ts'
import { readTelemetry } from './config/telemetry.ts'
import { startEmbedded } from './database/embedded/embedded.ts'
import { StartupError } from './errors/errors.ts'
import { loadCatalogue } from './scopes/catalogue.ts'
import type { Services } from './services.ts'
import { handleEnd, type Process } from './shutdown.ts'
import type { Telemetry } from './telemetry/telemetry.ts'

/**
 * Listens, and closes gracefully on SIGINT or SIGTERM.
 * @param afterStart called once the server listens; what it throws stops it
 */
export async function serve(config: Config, afterStart?: (services: Services) => Promise<void>): Promise<void> {
  const running: Process = { log: undefined, close: async () => {} }
  handleEnd(running)
  // The server reads it again. An error in it is reported before anything is created.
  loadCatalogue(config.scopesFile)
  // Other modules are loaded while the embedded database opens in a thread of its own.
  const embedded = config.databaseUrl ? undefined : startEmbedded(config.dataDir)
  let telemetry: Telemetry | undefined
  try {
    telemetry = await openTelemetry()
    const { start } = await import('./start.ts')
    const app = await start(config, embedded, afterStart)
    running.log = app.log
    running.close = () => app.close().finally(() => telemetry?.close())
  } catch (error) {
    await Promise.all([embedded?.release(), telemetry?.close()])
    throw error
  }
}

/** Before other modules are loaded, some of which it changes. Most deployments do not use it. */
async function openTelemetry(): Promise<Telemetry | undefined> {
  if (!readTelemetry(process.env)) return undefined
  const { startTelemetry } = await import('./telemetry/telemetry.ts')
  return startTelemetry(process.env)
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
