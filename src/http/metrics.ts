import { channel } from 'node:diagnostics_channel'
import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import type { Registry } from 'prom-client'
import { bearerText } from '../../packages/guard/src/bearer.ts'
import { invalidToken } from '../../packages/guard/src/errors.ts'
import type { Config } from '../config/config.ts'
import { hashSecret, isSecret } from '../security/secrets.ts'

/**
 * Registers the metrics of a feature.
 * @returns a function that updates them before each scrape; undefined: none is needed
 */
export type RegisterMetrics = (
  registry: Registry,
  prom: typeof import('prom-client'),
) => (() => Promise<void>) | undefined

/** Where the metrics of a server are published at its start, for exporters other than `/metrics`. */
export const METRICS_CHANNEL = 'postern.metrics'

export interface PublishedMetrics {
  registry: Registry
  /** Must be called before values are read. */
  update(): Promise<unknown>
}

/**
 * `GET /metrics` in Prometheus' text format, with METRICS_TOKEN as bearer token. Without METRICS_TOKEN the route does not
 * exist: on a public server, it would disclose the load and the readers of the feed to anyone.
 */
export function metricsRoutes(token: Config['metricsToken'], features: readonly RegisterMetrics[]): FastifyPluginAsync {
  return async app => {
    const published = channel(METRICS_CHANNEL)
    if (token === undefined && !published.hasSubscribers) return
    const prom = await import('prom-client')
    const registry = new prom.Registry()
    prom.collectDefaultMetrics({ register: registry })
    const updates = features.flatMap(register => register(registry, prom) ?? [])
    const update = () => Promise.all(updates.map(each => each()))
    published.publish({ registry, update } satisfies PublishedMetrics)
    if (token === undefined) return
    const expected = hashSecret(token)
    app.get('/metrics', { schema: { hide: true } as never }, async (request, reply) => {
      if (!isSecret(bearerText(request as never), expected)) {
        throw invalidToken('The token is not METRICS_TOKEN.')
      }
      await update()
      reply.header('cache-control', 'no-store').type(registry.contentType)
      return registry.metrics()
    })
  }
}

/** Histogram buckets in seconds. Verifying a token takes microseconds, a password about 10 ms. */
const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5]

/** The duration of requests by route and status. @param app measures its routes and those of its children */
export const requestMetrics =
  (app: FastifyInstance): RegisterMetrics =>
  (registry, { Histogram }) => {
    const duration = new Histogram({
      name: 'postern_http_request_duration_seconds',
      help: 'Duration of requests. The status is 401 or 403 for rejected requests, otherwise a class such as 2xx.',
      labelNames: ['method', 'route', 'status'],
      buckets: BUCKETS,
      registers: [registry],
    })
    app.addHook('onResponse', (request, { statusCode, elapsedTime }, done) => {
      const rejected = statusCode === 401 || statusCode === 403
      const status = rejected ? String(statusCode) : `${Math.floor(statusCode / 100)}xx`
      const route = request.routeOptions.url ?? 'unknown'
      duration.observe({ method: request.method, route, status }, elapsedTime / 1000)
      done()
    })
    return undefined
  }
