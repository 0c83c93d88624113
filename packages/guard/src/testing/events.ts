import type { ServerResponse } from 'node:http'
import { EVENT_STREAM, toEvent } from '../event-stream.ts'
import type { Statuses } from './statuses.ts'

const HEARTBEAT_MS = 250

/** The event stream of changed statuses (HTML Standard §9.2), from now on, until the reader goes. */
export function followEvents(statuses: Statuses, response: ServerResponse): void {
  const send = (event: string, body: { sequence: number }) => response.write(toEvent(event, body))
  const sendHeartbeat = () => send('heartbeat', { sequence: statuses.sequence })
  response.writeHead(200, { 'content-type': EVENT_STREAM, 'cache-control': 'no-store' })
  const end = statuses.subscribe(change => send('status', change))
  const heartbeatTimer = setInterval(sendHeartbeat, HEARTBEAT_MS).unref()
  sendHeartbeat()
  response.on('close', () => {
    clearInterval(heartbeatTimer)
    end()
  })
}
