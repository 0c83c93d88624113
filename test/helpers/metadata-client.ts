import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'

type Test = { teardown(work: () => unknown): void }

export interface MetadataHost {
  /** `http://localhost:PORT` */
  origin: string
  /** The `client_id`. */
  url: string
  /** The document that it sends; may be changed. `client_id` is added unless it has one. */
  document: Record<string, unknown>
  /** Further documents, by path. */
  others: Record<string, unknown>
  headers: Record<string, string>
  /** Answers everything with this status instead; undefined: it works. */
  status: number | undefined
  requests: IncomingMessage[]
}

export const REDIRECT_URI = 'https://app.example.com/callback'

/** A host of metadata documents on this machine, for a server with `fetchLoopback`. */
export async function openMetadataHost(t: Test, document: Record<string, unknown> = {}): Promise<MetadataHost> {
  const respond: RequestListener = (request, response) => {
    host.requests.push(request)
    if (host.status !== undefined) return void response.writeHead(host.status).end()
    const json = host.others[request.url ?? ''] ?? { client_id: `${host.origin}${request.url}`, ...host.document }
    response.writeHead(200, { 'content-type': 'application/json', ...host.headers }).end(JSON.stringify(json))
  }
  const server = createServer(respond).listen(0, 'localhost')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const origin = `http://localhost:${(server.address() as AddressInfo).port}`
  const grants = {
    grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
  }
  const host: MetadataHost = {
    origin,
    url: `${origin}/client.json`,
    document: { client_name: 'Order viewer', redirect_uris: [REDIRECT_URI], ...grants, ...document },
    others: {},
    headers: {},
    status: undefined,
    requests: [],
  }
  return host
}

export interface SilentHost {
  /** The `client_id` of number n. */
  url(n: number): string
  /** Resolves when this many requests wait for a response. */
  waiting(count: number): Promise<void>
  /** Ends all connections. */
  close(): void
}

/** A host of metadata documents on this machine that never answers. @param host its name */
export async function openSilentHost(t: Test, host = 'localhost'): Promise<SilentHost> {
  let requests = 0
  const server = createServer(() => void requests++).listen(0, host)
  await once(server, 'listening')
  const close = () => server.close().closeAllConnections()
  t.teardown(close)
  return {
    url: n => `http://${host}:${(server.address() as AddressInfo).port}/${n}.json`,
    async waiting(count) {
      while (requests < count) await new Promise(resolve => setImmediate(resolve))
    },
    close: () => void close(),
  }
}

/** For `authorizeUrl`. */
export const asClient = ({ url }: MetadataHost) => ({ id: url, redirectUris: [REDIRECT_URI] })
