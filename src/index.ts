import type { FastifyInstance } from 'fastify'
import type { GuardOptions } from '../packages/guard/src/index.ts'
import { checkOptions, isObject } from '../packages/guard/src/options.ts'
import { createApp } from './app.ts'
import { type ConfigOptions, loadConfig } from './config/config.ts'
import { requireMigrated } from './database/migrations.ts'
import { type House, openHouse } from './house.ts'
import { type Mounting, mounting } from './mounting.ts'
import type { CatalogueInput } from './scopes/catalogue.ts'

export { checkAnyScope, checkScopes, guard, requireToken, Token } from '../packages/guard/src/index.ts'
export type { Config } from './config/config.ts'
export { PosternError, StartupError } from './errors/errors.ts'
export type { House } from './house.ts'
export type { CatalogueInput, Scope } from './scopes/catalogue.ts'

export interface PosternOptions extends ConfigOptions {
  /** The scopes of this deployment, in place of SCOPES_FILE. */
  catalogue?: CatalogueInput
}

/** A server in your own process, its tables migrated and its keys made. */
export interface Postern extends House, Mounting {
  /** For `app.register(guard, postern.guard)`: guards your own routes. */
  guard: GuardOptions
}

/**
 * Opens Postern without listening. What is not given comes from the environment.
 * @throws StartupError in one line that says what is wrong; TypeError that names an option that is given and empty
 */
export async function openPostern(options: PosternOptions = {}): Promise<Postern> {
  checkOptions('openPostern', options, { catalogue: isObject })
  const { catalogue, ...settings } = options
  const config = loadConfig(process.env, settings)
  const house = await openHouse({ config, catalogue })
  await ready(house).catch(async error => {
    await house.close()
    throw error
  })
  return { ...house, guard: { authenticate: house.authenticate, catalogue: house.catalogue }, ...mounting(house) }
}

async function ready(house: House): Promise<void> {
  await requireMigrated(house.db)
  await house.ensure()
  await house.saveDeployment()
  house.listen()
}

/** A Fastify server with every route, ready for `listen` or `inject`. */
export async function buildApp(options: PosternOptions = {}): Promise<FastifyInstance> {
  return createApp(await openPostern(options))
}
