import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import { createApp, serverPlugin } from './app.ts'
import { type Config, loadConfig } from './config.ts'
import type { GuardOptions } from './guard/index.ts'
import { type House, openHouse, requireMigrated } from './house.ts'
import { wellKnown } from './oauth/metadata-routes.ts'
import type { CatalogueInput } from './scopes/catalogue.ts'

export type { Config } from './config.ts'
export { PosternError, StartupError } from './errors.ts'
export { checkAnyScope, checkScopes, guard, Token } from './guard/index.ts'
export type { House } from './house.ts'
export type { CatalogueInput, Scope } from './scopes/catalogue.ts'

export interface PosternOptions extends Partial<Config> {
  /** The scopes of this deployment, in place of SCOPES_FILE. */
  catalogue?: CatalogueInput
}

/** A server in your own process, its tables migrated and its keys made. */
export interface Postern extends House {
  /** For `app.register(guard, postern.guard)`: guards your own routes. */
  guard: GuardOptions
  /** For `app.register(postern.plugin, { prefix: '/auth' })`: the routes. Closing that app closes the house. */
  plugin: FastifyPluginAsync
  /** For `app.register(postern.wellKnown)` beside a plugin with a prefix: the metadata that belongs at the root. */
  wellKnown: FastifyPluginAsync
}

/**
 * Opens Postern without listening. What is not given comes from the environment.
 * @throws StartupError in one line that says what is wrong
 */
export async function openPostern({ catalogue, ...settings }: PosternOptions = {}): Promise<Postern> {
  const config = loadConfig(process.env, settings)
  const house = await openHouse({ config, catalogue })
  await ready(house).catch(async error => {
    await house.close()
    throw error
  })
  const routes = serverPlugin(house)
  return {
    ...house,
    guard: { authenticate: house.authenticate },
    plugin: async (app, options) => {
      app.addHook('onClose', () => house.close())
      await routes(app, options)
    },
    wellKnown: wellKnown(house),
  }
}

async function ready(house: House): Promise<void> {
  await requireMigrated(house.db)
  await house.ensure()
  house.listen()
}

/** A Fastify server with every route, ready for `listen` or `inject`. */
export async function buildApp(options: PosternOptions = {}): Promise<FastifyInstance> {
  return createApp(await openPostern(options))
}
