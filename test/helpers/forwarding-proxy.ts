import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'

type Test = { teardown(work: () => unknown): void }

/**
 * A reverse proxy with an address of its own, 127.0.0.2.
 * @param forwardedFor the `X-Forwarded-For` that it sends, from the one that it got and its client's address
 */
export async function forwardingProxy(
  t: Test,
  target: () => string,
  forwardedFor: (got: string | undefined, client: string) => string | undefined,
): Promise<number> {
  const server = createServer((incoming, response) => {
    const { 'x-forwarded-for': got, ...headers } = incoming.headers
    const value = forwardedFor(got as string | undefined, incoming.socket.remoteAddress ?? '')
    const outgoing = request(
      `${target()}${incoming.url}`,
      {
        method: incoming.method,
        headers: { ...headers, ...(value !== undefined && { 'x-forwarded-for': value }) },
        localAddress: '127.0.0.2',
      },
      answer => {
        response.writeHead(answer.statusCode ?? 502, answer.headers)
        answer.pipe(response)
      },
    )
    outgoing.on('error', () => response.writeHead(502).end())
    incoming.pipe(outgoing)
  })
  await new Promise<void>(resolve => void server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close().closeAllConnections())
  return (server.address() as AddressInfo).port
}
