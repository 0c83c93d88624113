import type { IncomingMessage } from 'node:http'

/** Bytes of a body that are read and discarded, so that the connection can be used again. */
const MAX_BYTES = 65_536

/**
 * Discards the body of a request, which some proxies forward, and disconnects a client that sends more than 64 kB. Node limits
 * the time (`requestTimeout`). The response does not wait for the body.
 */
export function boundBody(request: IncomingMessage): void {
  const { 'content-length': length, 'transfer-encoding': encoding } = request.headers
  if (encoding === undefined && (length === undefined || length === '0')) return
  let bytes = 0
  request.on('data', chunk => {
    bytes += chunk.length
    if (bytes > MAX_BYTES) request.destroy()
  })
  // The client has disconnected.
  request.on('error', () => {})
}
