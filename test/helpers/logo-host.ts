import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

type Test = { teardown(work: () => unknown): void }

export interface LogoHost {
  /** For `logo_uri`. */
  url: string
  /** What it sends; may be changed. */
  logo: Buffer
  type: string
  status: number
}

/** A PNG of this size, as far as its header. @param note tells it apart */
export function png(note: string, width = 64, height = 64): Buffer {
  const size = Buffer.alloc(8)
  size.writeUInt32BE(width, 0)
  size.writeUInt32BE(height, 4)
  return Buffer.concat([Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex'), size, Buffer.from(note)])
}

/** A host of a logo on this machine, for a server with `fetchLoopback`. */
export async function openLogoHost(t: Test): Promise<LogoHost> {
  const server = createServer((_request, response) =>
    response.writeHead(host.status, { 'content-type': host.type }).end(host.logo),
  ).listen(0, 'localhost')
  await once(server, 'listening')
  t.teardown(() => server.close().closeAllConnections())
  const url = `http://localhost:${(server.address() as AddressInfo).port}/logo.png`
  const host: LogoHost = { url, logo: png('logo'), type: 'image/png', status: 200 }
  return host
}
