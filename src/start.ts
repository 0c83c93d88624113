import type { FastifyInstance } from 'fastify'
import { plainHttpWarning } from '../packages/guard/src/plain-http.ts'
import { createApp } from './app.ts'
import type { Config } from './config/config.ts'
import type { Embedded } from './database/embedded/embedded.ts'
import { requireMigrated } from './database/migrations.ts'
import { StartupError } from './errors/errors.ts'
import type { Log } from './errors/log.ts'
import { ensureFirstAdministrator, startMessage } from './first-run.ts'
import { openDatabase } from './open-database.ts'
import { createServices, type Services } from './services.ts'
import { warnOfRemovedScopes } from './tokens/removed-scopes-warning.ts'

/**
 * Creates the services and listens.
 * @param embedded the embedded database, which may still be starting
 * @param afterStart called once the server listens
 * @throws StartupError with a one-line message
 */
export async function start(
  config: Config,
  embedded: Embedded | undefined,
  afterStart: AfterStart = async () => {},
): Promise<FastifyInstance> {
  const log = { warn: () => {}, error: () => {} } as Log
  const db = await openDatabase({ ...config, embedded })
  let services: Services | undefined
  try {
    services = await createServices({ config, db, log })
    return await startServer(services, log, afterStart)
  } catch (error) {
    await (services ?? db).close().catch(() => {})
    throw error
  }
}

type AfterStart = (services: Services) => Promise<void>

async function startServer(services: Services, log: Log, afterStart: AfterStart): Promise<FastifyInstance> {
  const { config, db } = services
  await requireMigrated(db)
  await services.ensure()
  await services.saveDeployment()
  services.listen()
  const app = await createApp(services)
  Object.assign(log, { warn: app.log.warn.bind(app.log), error: app.log.error.bind(app.log) })
  try {
    await app.listen({ port: config.port, host: config.host })
    // After listening: when the port is taken, nobody would see the password.
    const administrator = await ensureFirstAdministrator(services)
    process.stdout.write(startMessage(config, administrator))
    await afterStart(services)
    void warnOfRemovedScopes(services.removedScopes, log)
    const insecure = plainHttpWarning(config.issuer)
    if (insecure) process.stderr.write(`postern: ${insecure}\n`)
    if (!services.mail.enabled) app.log.info(NO_MAIL)
    if (services.notice) process.stderr.write(`postern: ${services.notice}\n`)
    return app
  } catch (error) {
    await app.close()
    throw listenError(error as NodeJS.ErrnoException, config)
  }
}

const NO_MAIL =
  'SMTP_URL is not set, so no mail is sent: users cannot reset their own passwords, and an administrator passes on the ' +
  'links of invitations'

function listenError(error: NodeJS.ErrnoException, { host, port }: Config): Error {
  if (error.code === 'EADDRINUSE')
    return new StartupError(`PORT ${port} is taken on ${host}. Choose another: PORT=${port + 1}`)
  if (error.code === 'EACCES') return new StartupError(`PORT ${port} may not be used by this user.`)
  if (error.code === 'EADDRNOTAVAIL') return new StartupError(`HOST ${host} is not an address of this machine.`)
  if (error.code === 'ENOTFOUND') return new StartupError(`HOST ${host} is not known.`)
  return error
}
