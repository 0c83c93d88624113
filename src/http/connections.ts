import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'

const SWEEP_MS = 50

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
