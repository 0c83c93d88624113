import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A server on this machine that receives one authorization response (RFC 8252 §7.3). */
export interface Loopback {
  redirectUri: string
  /** The query of the response that `accepts` accepted. Rejects after `fail`. */
  response: Promise<URLSearchParams>
  fail(error: Error): void
  close(): void
}

/**
 * Listens on a free port of the loopback address.
 * @param accepts whether a query is the response to this request. Others are answered 400 and ignored, so that another
 *   program or page cannot end the sign-in.
 */
export async function listenOnLoopback(accepts: (query: URLSearchParams) => boolean): Promise<Loopback> {
  const { promise, resolve, reject } = Promise.withResolvers<URLSearchParams>()
  promise.catch(() => {})

  function receive(request: IncomingMessage, response: ServerResponse): void {
    const url = URL.parse(`http://127.0.0.1${request.url}`)
    if (request.method !== 'GET' || url?.pathname !== '/callback') answer(response, 404, 'Not found.')
    else if (!accepts(url.searchParams)) answer(response, 400, 'This is not the response to the current sign-in.')
    else {
      const denied = url.searchParams.has('error')
      answer(response, 200, `${denied ? 'The sign-in failed' : 'You are signed in'}. You can close this window.`)
      resolve(url.searchParams)
    }
  }

  const server = createServer({ requestTimeout: 10_000, maxHeaderSize: 32_768 }, receive)
  server.maxConnections = 16
  await new Promise<void>((listening, failed) => {
    server.once('error', failed)
    server.listen(0, '127.0.0.1', listening)
  })
  const { port } = server.address() as AddressInfo
  return {
    redirectUri: `http://127.0.0.1:${port}/callback`,
    response: promise,
    fail: reject,
    close: () => void server.close().closeIdleConnections(),
  }
}

/** Plain text, without anything from the request. */
function answer(response: ServerResponse, status: number, text: string): void {
  response
    .writeHead(status, {
      'content-type': 'text/plain; charset=utf-8',
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
      connection: 'close',
    })
    .end(text)
}
