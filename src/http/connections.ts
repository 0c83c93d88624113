import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import type { Config } from '../config/config.ts'

/** Milliseconds that a whole request may take to arrive. */
const REQUEST_MS = 30_000
/** Milliseconds that a connection may be silent at the least. */
const IDLE_MS = 60_000
/** Where statements have no limit, a connection has one all the same. */
const MAX_REQUEST_MS = 3_600_000
/** Connecting to the database, asking it to let go, and the answer: what comes on top of a statement. */
const TIMEOUT_MARGIN_MS = 15_000
/** The longest that Node's timers can be set to. */
const MAX_TIMER_MS = 2 ** 31 - 1
const SWEEP_MS = 50

/**
 * The limits of a connection, for Fastify. One follows from the other: a connection outlives every statement, so that
 * whoever waits for one that is given up gets a 503 and not a closed connection.
 * @param config durations in seconds
 */
export function connectionLimits({ databaseTimeout, keepAliveTimeout }: Limits) {
  const statement = databaseTimeout > 0 ? databaseTimeout * 1000 + TIMEOUT_MARGIN_MS : MAX_REQUEST_MS
  return {
    connectionTimeout: Math.min(Math.max(IDLE_MS, statement), MAX_TIMER_MS),
    requestTimeout: REQUEST_MS,
    // Node's own buffer of a second comes on top.
    keepAliveTimeout: Math.min(keepAliveTimeout * 1000, MAX_TIMER_MS),
  }
}

type Limits = Pick<Config, 'databaseTimeout' | 'keepAliveTimeout'>

/**
 * Closing waits for requests that are under way, and for nothing else. Node by itself leaves connections alone on which
 * nothing, or half a request's head, was sent, and those whose last request was under way when closing began: anybody
 * could keep a server from ending with one of them.
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

  /** A connection's answers are sent in order: with the last of them it is idle. */
  function endIdle(): void {
    for (const [socket, response] of open) if (!response || response.writableFinished) socket.destroy()
  }

  app.addHook('preClose', async () => {
    sweep = setInterval(endIdle, SWEEP_MS).unref()
  })
  app.addHook('onClose', async () => clearInterval(sweep))
}
