import type { ServerResponse } from 'node:http'
import { EVENT_STREAM, toEvent } from '../event-stream.ts'
import type { Statuses } from './statuses.ts'

const HEARTBEAT_MS = 250

/** Sends status events (HTML Standard §9.2) from now on, until the client disconnects. */
export function followEvents(statuses: Statuses, response: ServerResponse): void {
  const send = (event: string, body: { sequence: number }) => response.write(toEvent(event, body))
  const sendHeartbeat = () => send('heartbeat', { sequence: statuses.sequence })
  response.writeHead(200, { 'content-type': EVENT_STREAM, 'cache-control': 'no-store' })
  const unsubscribe = statuses.subscribe(change => send('status', change))
  const heartbeatTimer = setInterval(sendHeartbeat, HEARTBEAT_MS).unref()
  sendHeartbeat()
  response.on('close', () => {
    clearInterval(heartbeatTimer)
    unsubscribe()
  })
}
