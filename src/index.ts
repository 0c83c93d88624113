import type { FastifyInstance } from 'fastify'
import type { GuardOptions } from '../packages/guard/src/index.ts'
import { checkOptions, isObject } from '../packages/guard/src/options.ts'
import { createApp } from './app.ts'
import { type ConfigOptions, loadConfig } from './config/config.ts'
import { requireMigrated } from './database/migrations.ts'
import { createEmbeddedPlugins, type EmbeddedPlugins } from './embed.ts'
import type { CatalogueInput } from './scopes/catalogue.ts'
import { createServices, type Services } from './services.ts'

export { checkAnyScope, checkScopes, guard, requireToken, Token } from '../packages/guard/src/index.ts'
export type { Config } from './config/config.ts'
export { PosternError, StartupError } from './errors/errors.ts'
export type { CatalogueInput, Scope } from './scopes/catalogue.ts'
export type { Services } from './services.ts'

export interface PosternOptions extends ConfigOptions {
  /** The scopes of this deployment, in place of SCOPES_FILE. */
  catalogue?: CatalogueInput
}

/** A server in your own process, its tables migrated and its keys made. */
export interface Postern extends Services, EmbeddedPlugins {
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
  const services = await createServices({ config, catalogue })
  await ready(services).catch(async error => {
    await services.close()
    throw error
  })
  return {
    ...services,
    guard: { authenticate: services.authenticate, catalogue: services.catalogue },
    ...createEmbeddedPlugins(services),
  }
}

async function ready(services: Services): Promise<void> {
  await requireMigrated(services.db)
  await services.ensure()
  await services.saveDeployment()
  services.listen()
}

/** A Fastify server with every route, ready for `listen` or `inject`. */
export async function buildApp(options: PosternOptions = {}): Promise<FastifyInstance> {
  return createApp(await openPostern(options))
}
