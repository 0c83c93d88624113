import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import type { Registry } from 'prom-client'
import { bearerText } from '../../packages/guard/src/bearer.ts'
import { invalidToken } from '../../packages/guard/src/errors.ts'
import type { Config } from '../config/config.ts'
import { hashSecret, isSecret } from '../security/secrets.ts'

/**
 * What a room has to show: it is given the registry, and the library that holds metrics.
 * @returns what is to be done before each look
 */
export type RegisterMetrics = (
  registry: Registry,
  prom: typeof import('prom-client'),
) => (() => Promise<void>) | undefined

/**
 * `GET /metrics` in Prometheus' text format, for whoever shows METRICS_TOKEN. Without one there is no such route: a
 * server that faces the world would tell anybody how busy it is and who reads its feed.
 */
export function metricsRoutes(token: Config['metricsToken'], measures: readonly RegisterMetrics[]): FastifyPluginAsync {
  return async app => {
    if (token === undefined) return
    const expected = hashSecret(token)
    const prom = await import('prom-client')
    const registry = new prom.Registry()
    prom.collectDefaultMetrics({ register: registry })
    const refresh = measures.flatMap(measure => measure(registry, prom) ?? [])
    app.get('/metrics', { schema: { hide: true } as never }, async (request, reply) => {
      if (!isSecret(bearerText(request as never), expected)) {
        throw invalidToken('This is not the METRICS_TOKEN.')
      }
      await Promise.all(refresh.map(collect => collect()))
      reply.header('cache-control', 'no-store').type(registry.contentType)
      return registry.metrics()
    })
  }
}

/** Seconds. A check takes microseconds, a password a hundredth of a second. */
const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5]

/** How long requests took, by route and kind of answer. @param app whose routes, and those of its children */
export const requestMetrics =
  (app: FastifyInstance): RegisterMetrics =>
  (registry, { Histogram }) => {
    const duration = new Histogram({
      name: 'postern_http_request_duration_seconds',
      help: 'How long requests took. 401 and 403 are told apart: those were refused.',
      labelNames: ['method', 'route', 'status'],
      buckets: BUCKETS,
      registers: [registry],
    })
    app.addHook('onResponse', (request, { statusCode, elapsedTime }, done) => {
      const refused = statusCode === 401 || statusCode === 403
      const status = refused ? String(statusCode) : `${Math.floor(statusCode / 100)}xx`
      const route = request.routeOptions.url ?? 'unknown'
      duration.observe({ method: request.method, route, status }, elapsedTime / 1000)
      done()
    })
    return undefined
  }
