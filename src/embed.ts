import type { IncomingMessage, ServerResponse } from 'node:http'
import Fastify, { type FastifyInstance, type FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { nameResource } from '../packages/guard/src/metadata.ts'
import { resourceMetadataUrl } from '../packages/guard/src/resource.ts'
import { createApp } from './app.ts'
import type { Config } from './config/config.ts'
import { StartupError } from './errors/errors.ts'
import { ownResource, wellKnownPaths } from './oauth/metadata-routes.ts'
import type { Services } from './services.ts'
import { setHostRequest } from './users/application-sign-in.ts'

export interface EmbeddedPlugins {
  /** For `app.register(postern.plugin, { prefix: '/auth' })`: the routes. Closing that app closes the services. */
  plugin: FastifyPluginAsync
  /** For `app.register(postern.wellKnown)` beside a plugin with a prefix: the metadata that belongs at the root. */
  wellKnown: FastifyPluginAsync
  /**
   * For Express, Connect and `node:http`: `app.use(await postern.handler())`, before parsers of bodies. It handles the paths
   * below that of the issuer and the metadata at the root, and calls `next` for others.
   */
  handler(): Promise<Handler>
  /** Closes the services, and what `handler` serves. */
  close(): Promise<void>
}

/** A request listener of `node:http`, and a middleware of Express. */
export type Handler = (request: IncomingMessage, response: ServerResponse, next?: () => void) => void

/**
 * The server inside another application. It is a separate Fastify instance and receives whole requests, because a plugin
 * would inherit the hooks, decorators, parsers and compilers of the application. Only `onRequest` hooks of the application,
 * such as a rate limit, run first.
 */
export function createEmbeddedPlugins(services: Services): EmbeddedPlugins {
  const plugins = createPlugins(services)
  const hosts: FastifyInstance[] = []

  return {
    ...plugins,
    async handler() {
      const host = Fastify()
      hosts.push(host)
      return createHandler(services, plugins, host)
    },
    async close() {
      // Ends streams first, which keep connections open.
      for (const host of hosts) await host.close()
      await services.close()
    },
  }
}

type Plugins = Pick<EmbeddedPlugins, 'plugin' | 'wellKnown'>

function createPlugins(services: Services): Plugins {
  let server: FastifyInstance | undefined

  function delegate(app: FastifyInstance, paths: string[]): void {
    app.addHook('onRequest', (request, reply, done) => {
      if (!server) return done()
      setHostRequest(request.raw, request)
      reply.hijack()
      server.routing(request.raw, reply.raw)
    })
    // Hooks run on routes; the handler is reached only where nothing was mounted.
    for (const path of paths) app.all(path, { schema: { hide: true } as object }, (_, reply) => reply.callNotFound())
  }

  return {
    plugin: async app => {
      assertPrefix(services.config, app)
      server = await createApp(services, app)
      await server.ready()
      // preClose ends streams that keep connections open; onClose runs after the application's last requests.
      app.addHook('preClose', () => server?.close())
      app.addHook('onClose', () => services.close())
      delegate(app, ['/', '/*'])
    },
    wellKnown: fp(
      async app => {
        const resource = ownResource(services.config)
        if (resource) nameResource(app, resourceMetadataUrl(resource).href, true)
        await app.register(async root => delegate(root, wellKnownPaths(services.config)))
      },
      {
        name: 'postern-well-known',
        fastify: '5.x',
      },
    ),
  }
}

/** A request of Express has the whole path here, also below a router. */
type WithOriginalUrl = IncomingMessage & { originalUrl?: string }

async function createHandler({ config }: Services, plugins: Plugins, host: FastifyInstance): Promise<Handler> {
  const prefix = new URL(config.issuer).pathname.replace(/\/$/, '')
  const atRoot = new Set(wellKnownPaths(config))
  await host.register(plugins.plugin, { prefix })
  if (prefix) await host.register(plugins.wellKnown)
  await host.ready()

  return (request: WithOriginalUrl, response, next) => {
    const url = request.originalUrl ?? request.url ?? '/'
    const path = url.split('?', 1).join()
    const isOurs = path === prefix || path.startsWith(`${prefix}/`) || atRoot.has(path)
    if (!isOurs && next) return next()
    request.url = url
    setHostRequest(request, request)
    host.routing(request, response)
  }
}

/**
 * Links, redirects and metadata begin with the issuer, so they do not work under another prefix. A proxy can remove the
 * path before the prefix.
 * @throws StartupError for a configured issuer; a default issuer causes a warning
 */
function assertPrefix({ issuer, issuerChosen }: Config, { prefix, log }: FastifyInstance): void {
  const path = new URL(issuer).pathname.replace(/\/$/, '')
  if (path.endsWith(prefix.replace(/\/$/, ''))) return
  const advice =
    `The issuer ${issuer} does not end with the prefix ${prefix} that Postern is registered with. ` +
    `Set issuer: '${new URL(issuer).origin}${prefix}', or ${path ? `register with prefix: '${path}'` : 'leave the prefix out'}.`
  if (issuerChosen) throw new StartupError(advice)
  log.warn(advice)
}
