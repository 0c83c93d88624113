import { createApp } from './app.ts'
import { type Config, loadConfig } from './config.ts'
import { StartupError } from './errors.ts'
import { openHouse, requireMigrated } from './house.ts'
import { ensureAdministrator, welcome } from './welcome.ts'

const LONGEST_CLOSE_MS = 10_000

/** Opens the house, listens, and closes gracefully on SIGINT or SIGTERM. */
export async function serve(config: Config): Promise<void> {
  const log = { warn: () => {}, error: () => {} } as Parameters<typeof openHouse>[0]['log'] & object
  const house = await openHouse({ config, log })
  try {
    await requireMigrated(house.db)
    await house.ensure()
    house.listen()
    const app = await createApp(house)
    Object.assign(log, { warn: app.log.warn.bind(app.log), error: app.log.error.bind(app.log) })
    const administrator = await ensureAdministrator(house)
    await app.listen({ port: config.port, host: config.host }).catch(error => {
      throw listenError(error, config)
    })
    process.stdout.write(`\n  Postern is ready at ${config.issuer}, its API explorer at ${config.issuer}/docs\n`)
    if (administrator) process.stdout.write(welcome(administrator, config.issuer))
    closeOnSignal(() => app.close())
  } catch (error) {
    await house.close().catch(() => {})
    throw error
  }
}

function listenError(error: NodeJS.ErrnoException, { host, port }: Config): Error {
  if (error.code === 'EADDRINUSE')
    return new StartupError(`PORT ${port} is taken on ${host}. Choose another: PORT=3001`)
  if (error.code === 'EACCES') return new StartupError(`PORT ${port} may not be used by this user.`)
  if (error.code === 'EADDRNOTAVAIL') return new StartupError(`HOST ${host} is not an address of this machine.`)
  return error
}

/** A signal comes twice when a terminal and npm both pass it on: the second changes nothing. */
function closeOnSignal(close: () => Promise<unknown>): void {
  let closing = false
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (closing) return
      closing = true
      setTimeout(() => process.exit(1), LONGEST_CLOSE_MS).unref()
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
    await serve(loadConfig())
  } catch (error) {
    process.stderr.write(`postern: ${explain(error)}\n`)
    process.exitCode = 1
  }
}
