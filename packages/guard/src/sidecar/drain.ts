import type { Server } from 'node:http'
import type { Socket } from 'node:net'

/** Milliseconds until requests in flight are cut off. A check takes five seconds at most. */
const MAX_MS = 6_000
const SWEEP_MS = 50

/** Stops a server without interrupting its requests. */
export interface Drain {
  readonly started: boolean
  /** Stops to listen, and resolves when the last request is finished and every connection is closed. */
  finish(): Promise<void>
}

/** @param cutOff called when connections did not end in time */
export function createDrain(server: Server, cutOff: () => void): Drain {
  let started = false
  const sockets = new Set<Socket>()
  server.on('connection', socket => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })

  /** Node counts a connection as idle after its first request only. */
  function closeIdle(): void {
    server.closeIdleConnections()
    for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy()
  }

  return {
    get started() {
      return started
    },
    async finish() {
      started = true
      if (!server.listening) return
      // A connection becomes idle when its last response is finished.
      const sweep = setInterval(closeIdle, SWEEP_MS)
      const limit = setTimeout(() => {
        cutOff()
        server.closeAllConnections()
      }, MAX_MS)
      await new Promise<void>(resolve => server.close(() => resolve()))
      clearInterval(sweep)
      clearTimeout(limit)
    },
  }
}
