import type { FastifyInstance } from 'fastify'
import type { Authenticate } from '../packages/guard/src/requirements.ts'
import { createApp } from './app.ts'
import type { Clients } from './clients/clients.ts'
import type { Config } from './config/config.ts'
import { createEmbeddedPlugins, type EmbeddedPlugins } from './embed.ts'
import { openServices, type PosternOptions } from './open-services.ts'
import { createInProcess, type PosternTokens, type PosternUsers } from './own-users/in-process.ts'
import type { Catalogue } from './scopes/catalogue.ts'

export type { ErrorCode } from '../packages/guard/src/error-code.ts'
export { checkAnyScope, checkScopes, guard, requireToken, Token, tokenOf } from '../packages/guard/src/index.ts'
export type { Client } from './clients/client.entity.ts'
export type { Clients } from './clients/clients.ts'
export type { Config } from './config/config.ts'
export type { Handler } from './embed.ts'
export { PosternError, StartupError } from './errors/errors.ts'
export type { PosternOptions } from './open-services.ts'
export type { IssuedData, NewOwnToken, PosternTokens, PosternUsers } from './own-users/in-process.ts'
export type { Catalogue, CatalogueInput, Scope } from './scopes/catalogue.ts'
export type { AccessToken } from './tokens/token.entity.ts'
export type { Tokens } from './tokens/tokens.ts'
export type { ApplicationSession, ApplicationUser, ApplicationUsers } from './users/application.ts'
export type { User } from './users/user.entity.ts'
export type { Users } from './users/users.ts'

/** A server in your own process, its tables migrated and its keys created. */
export interface Postern extends EmbeddedPlugins {
  /** The settings in force: those of the options, the environment and the defaults. */
  readonly config: Config
  /** The scopes of this deployment. */
  readonly catalogue: Catalogue
  readonly users: PosternUsers
  readonly clients: Clients
  readonly tokens: PosternTokens
  /** For `app.register(guard, postern.guard)`: guards your own routes. */
  readonly guard: { authenticate: Authenticate; catalogue: Catalogue }
  /** Closes the database and every timer. Closing an application that registered `plugin` does so too. */
  close(): Promise<void>
}

/**
 * Opens Postern without listening. Other settings come from the environment.
 * @throws StartupError in one line that says what is wrong; TypeError that names an option that is given and empty
 * @example
 * const postern = await openPostern({ issuer: 'https://example.com/auth' })
 * await app.register(postern.plugin, { prefix: '/auth' })
 */
export async function openPostern(options: PosternOptions = {}): Promise<Postern> {
  const services = await openServices(options)
  const { config, catalogue, clients, authenticate } = services
  return {
    ...{ config, catalogue, clients },
    ...createInProcess({ ...services, given: options.users !== undefined }),
    guard: { authenticate, catalogue },
    ...createEmbeddedPlugins(services),
  }
}

/**
 * A Fastify server with every route, ready for `listen` or `inject`. Closing it closes the database.
 * @throws what `openPostern` throws
 * @example const app = await buildApp({ issuer: 'http://localhost:3000' })
 */
export async function buildApp(options: PosternOptions = {}): Promise<FastifyInstance> {
  return createApp(await openServices(options))
}
