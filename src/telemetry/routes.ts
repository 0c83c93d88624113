import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { context, trace } from '@opentelemetry/api'
import type { getRPCMetadata } from '@opentelemetry/core'
import type { FastifyInstance } from 'fastify'

interface Api {
  context: typeof context
  trace: typeof trace
  getRPCMetadata: typeof getRPCMetadata
}

const CHANNEL = 'fastify.initialization'

/**
 * Gives the span and the duration of each request its route, which the instrumentation of `node:http` does not know, and the
 * address of the client, of which it believes every proxy.
 * @returns what ends it
 */
export function nameRoutes({ context, trace, getRPCMetadata }: Api): () => void {
  function addHook(message: unknown): void {
    const { fastify } = message as { fastify: FastifyInstance }
    fastify.addHook('onRequest', (request, _reply, done) => {
      const route = request.routeOptions.url
      const metadata = getRPCMetadata(context.active()) as { route?: string } | undefined
      if (metadata && route !== undefined) metadata.route = route
      trace.getActiveSpan()?.setAttribute('client.address', request.ip)
      done()
    })
  }
  subscribe(CHANNEL, addHook)
  return () => void unsubscribe(CHANNEL, addHook)
}
