import { once } from 'node:events'
import { isIPv6 } from 'node:net'
import { helpText } from './help.ts'
import { createLog } from './log.ts'
import { type Environment, parseFlags, readSettings, type Settings, SettingsError } from './read-settings.ts'
import { createSidecar, type Sidecar } from './sidecar.ts'

export interface RunOptions {
  /** The name that the program was started by, for its messages. */
  command: string
  version: string
  env?: Environment
}

/**
 * Runs the sidecar until SIGINT or SIGTERM.
 * @param args flags, as in `--help`
 * @returns the exit code: 0 stopped, 1 it cannot listen, 2 a wrong flag or variable; the reason is one line on stderr
 */
export async function runSidecar(
  args: readonly string[],
  { command, version, env = process.env }: RunOptions,
): Promise<number> {
  try {
    const { help, version: isVersion, values } = parseFlags(args)
    if (help || isVersion) process.stdout.write(help ? helpText(command) : `${version}\n`)
    else await serve(readSettings(values, env))
    return 0
  } catch (error) {
    process.stderr.write(`${command}: ${(error as Error).message}\n`)
    return error instanceof SettingsError ? 2 : 1
  }
}

async function serve({ port, host, logLevel, ...options }: Settings): Promise<void> {
  const log = createLog(logLevel, process.stdout)
  const sidecar = createSidecar({ ...options, log })
  // A second signal is ignored: a terminal and npm both send one.
  const stopped = Promise.race(['SIGINT', 'SIGTERM'].map(signal => nextSignal(signal)))
  try {
    await listen(sidecar, port, host)
    log.info(`postern-guard is listening at http://${isIPv6(host) ? `[${host}]` : host}:${port}`, {
      issuer: options.issuer,
      audience: options.audience ?? null,
    })
    await stopped
    log.info('postern-guard is stopping')
  } finally {
    await sidecar.close()
  }
}

const nextSignal = (signal: string) => new Promise<void>(resolve => process.on(signal, () => resolve()))

async function listen({ server }: Sidecar, port: number, host: string): Promise<void> {
  server.listen(port, host)
  try {
    await once(server, 'listening')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new Error(`It cannot listen at PORT ${port} of HOST ${host} (${code}).`)
  }
}
