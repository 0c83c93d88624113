import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import type { Config } from '../config/config.ts'

/** Milliseconds within which a whole request must be received. */
const REQUEST_MS = 30_000
/** Minimum idle timeout of a connection in milliseconds. */
const IDLE_MS = 60_000
/** Idle timeout of a connection in milliseconds when statements have no timeout. */
const MAX_REQUEST_MS = 3_600_000
/** Milliseconds in addition to the statement timeout: for connecting to the database, cancelling and responding. */
const TIMEOUT_MARGIN_MS = 15_000
/** Maximum delay of a Node timer. */
const MAX_TIMER_MS = 2 ** 31 - 1
const SWEEP_MS = 50

/**
 * The connection timeouts for Fastify. They are longer than the statement timeout, so that a client gets a 503 after a
 * statement timeout instead of a closed connection.
 * @param config durations in seconds
 */
export function connectionLimits({ databaseTimeout, keepAliveTimeout }: Limits) {
  const statement = databaseTimeout > 0 ? databaseTimeout * 1000 + TIMEOUT_MARGIN_MS : MAX_REQUEST_MS
  return {
    connectionTimeout: Math.min(Math.max(IDLE_MS, statement), MAX_TIMER_MS),
    requestTimeout: REQUEST_MS,
    // Node adds a buffer of one second.
    keepAliveTimeout: Math.min(keepAliveTimeout * 1000, MAX_TIMER_MS),
  }
}

type Limits = Pick<Config, 'databaseTimeout' | 'keepAliveTimeout'>

/**
 * Closes idle connections when the server closes, so that it waits only for requests in flight. Node itself does not close
 * connections without a complete request head, nor those with a request in flight at the time of closing: a single client
 * could prevent the server from stopping.
 */
export function endIdleOnClose(app: FastifyInstance): void {
  const open = new Map<Socket, ServerResponse | undefined>()
  let sweep: NodeJS.Timeout | undefined

  app.server.on('connection', (socket: Socket) => {
    open.set(socket, undefined)
    socket.once('close', () => open.delete(socket))
  })
  app.server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    if (!request.socket.destroyed) open.set(request.socket, response)
  })

  /** Responses of a connection are sent in order: it is idle once the last one is finished. */
  function endIdle(): void {
    for (const [socket, response] of open) if (!response || response.writableFinished) socket.destroy()
  }

  app.addHook('preClose', async () => {
    sweep = setInterval(endIdle, SWEEP_MS).unref()
  })
  app.addHook('onClose', async () => clearInterval(sweep))
}
