import { type AddressInfo, connect } from 'node:net'
import { text } from 'node:stream/consumers'
import type { LightMyRequestResponse } from 'fastify'
import { createApp } from '../../src/app.ts'
import type { Services } from '../../src/services.ts'

type Test = { teardown(work: () => unknown): void }

/** Sends bytes that no client would send. @returns all that comes back until the connection ends */
export async function sendRaw(port: number, bytes: string): Promise<LightMyRequestResponse> {
  const socket = connect(port, '127.0.0.1')
  socket.write(bytes)
  return answerOf(await text(socket))
}

/** A server of these services that listens until the test ends. @returns what sends bytes to it */
export async function listening(
  t: Test,
  services: Services,
): Promise<(bytes: string) => Promise<LightMyRequestResponse>> {
  const server = await createApp({ ...services, close: async () => {} })
  await server.listen({ port: 0, host: '127.0.0.1' })
  t.teardown(() => server.close())
  const { port } = server.addresses()[0] as AddressInfo
  return bytes => sendRaw(port, bytes)
}

/** The first answer in what came back, as `app.inject` would give it; its body is all that follows. */
function answerOf(received: string): LightMyRequestResponse {
  const [head = '', ...rest] = received.split('\r\n\r\n')
  const [status = '', ...lines] = head.split('\r\n')
  const headers = lines.map(line => line.split(/: */, 2)).map(([name = '', value]) => [name.toLowerCase(), value])
  const body = rest.join('\r\n\r\n')
  return {
    statusCode: Number(/^HTTP\/1\.1 (\d{3}) /.exec(status)?.[1]),
    headers: Object.fromEntries(headers),
    body,
    json: () => JSON.parse(body),
  } as unknown as LightMyRequestResponse
}
