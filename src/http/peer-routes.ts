import type { FastifyPluginAsync } from 'fastify'
import { bearerText } from '../../packages/guard/src/bearer.ts'
import { invalidToken } from '../../packages/guard/src/errors.ts'
import type { Config } from '../config/config.ts'
import { hashSecret, isSecret } from '../security/secrets.ts'

/** Where the server thinks that a request comes from. */
export interface SeenPeer {
  /** The client, as limits and the audit log see it. */
  address: string
  /** Who is connected to the server. */
  peer: string
  /** Whether the request has `X-Forwarded-For`. */
  forwarded: boolean
}

/**
 * `GET /health/peer` tells `postern doctor` which address the server sees, with METRICS_TOKEN as bearer token. Without
 * METRICS_TOKEN the route does not exist.
 */
export function peerRoutes(token: Config['metricsToken']): FastifyPluginAsync {
  return async app => {
    if (token === undefined) return
    const expected = hashSecret(token)
    app.get('/health/peer', { schema: { hide: true } as never }, async (request, reply): Promise<SeenPeer> => {
      if (!isSecret(bearerText(request as never), expected)) throw invalidToken('The token is not METRICS_TOKEN.')
      reply.header('cache-control', 'no-store')
      const { headers, socket } = request.raw
      return {
        address: request.ip,
        peer: socket.remoteAddress ?? '',
        forwarded: headers['x-forwarded-for'] !== undefined,
      }
    })
  }
}
