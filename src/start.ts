import type { FastifyInstance } from 'fastify'
import { plainHttpWarning } from '../packages/guard/src/plain-http.ts'
import { createApp } from './app.ts'
import type { Config } from './config/config.ts'
import type { Embedded } from './database/embedded/embedded.ts'
import { requireMigrated } from './database/migrations.ts'
import { StartupError } from './errors/errors.ts'
import type { Log } from './errors/log.ts'
import { type House, openHouse } from './house.ts'
import { openDatabase } from './open-database.ts'
import { warnOfLeftScopes } from './tokens/left-scopes-warning.ts'
import { ensureAdministrator, welcome } from './welcome.ts'

/**
 * Opens the house and listens.
 * @param embedded the embedded database, starting
 * @throws StartupError in one line that says what is wrong
 */
export async function start(config: Config, embedded: Embedded | undefined): Promise<FastifyInstance> {
  const log = { warn: () => {}, error: () => {} } as Log
  const db = await openDatabase({ ...config, embedded })
  let house: House | undefined
  try {
    house = await openHouse({ config, db, log })
    return await open(house, log)
  } catch (error) {
    await (house ?? db).close().catch(() => {})
    throw error
  }
}

async function open(house: House, log: Log): Promise<FastifyInstance> {
  const { config, db } = house
  await requireMigrated(db)
  await house.ensure()
  await house.saveDeployment()
  house.listen()
  const app = await createApp(house)
  Object.assign(log, { warn: app.log.warn.bind(app.log), error: app.log.error.bind(app.log) })
  try {
    await app.listen({ port: config.port, host: config.host })
    // Not before the port is ours: a password that nobody sees is no use to anyone.
    const administrator = await ensureAdministrator(house)
    process.stdout.write(welcome(config.issuer, administrator))
    void warnOfLeftScopes(house.leftScopes, log)
    const insecure = plainHttpWarning(config.issuer)
    if (insecure) process.stderr.write(`postern: ${insecure}\n`)
    if (house.notice) process.stderr.write(`postern: ${house.notice}\n`)
    return app
  } catch (error) {
    await app.close()
    throw listenError(error as NodeJS.ErrnoException, config)
  }
}

function listenError(error: NodeJS.ErrnoException, { host, port }: Config): Error {
  if (error.code === 'EADDRINUSE')
    return new StartupError(`PORT ${port} is taken on ${host}. Choose another: PORT=${port + 1}`)
  if (error.code === 'EACCES') return new StartupError(`PORT ${port} may not be used by this user.`)
  if (error.code === 'EADDRNOTAVAIL') return new StartupError(`HOST ${host} is not an address of this machine.`)
  if (error.code === 'ENOTFOUND') return new StartupError(`HOST ${host} is not known.`)
  return error
}
