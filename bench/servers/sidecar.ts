import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import Fastify from 'fastify'
import { createLog } from '../../packages/guard/src/sidecar/log.ts'
import { createSidecar } from '../../packages/guard/src/sidecar/sidecar.ts'
import { answer, usageCall } from '../processes.ts'
import type { Resource } from './remote.ts'

const closing: (() => Promise<unknown>)[] = []

async function listenAnywhere(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** The sidecar and what it is compared with, in one process, so that they have the same core. */
async function listen(resource: Resource) {
  const sidecar = createSidecar({ ...resource, log: createLog('warn', process.stderr) })
  const fastify = Fastify()
  fastify.get('/open', async () => ({ id: 1, total: 4200 }))
  // The least that can answer a proxy: it reads nothing, and accepts everything.
  const yes = createServer((_request, response) => void response.writeHead(200, ['Content-Length', '0']).end())
  closing.push(
    () => sidecar.close(),
    () => fastify.close(),
    async () => yes.close().closeAllConnections(),
  )
  await sidecar.ready()
  return {
    sidecar: await listenAnywhere(sidecar.server),
    fastify: await fastify.listen({ port: 0, host: '127.0.0.1' }),
    yes: await listenAnywhere(yes),
  }
}

export const calls = answer({ listen, usage: usageCall() }, async () => {
  await Promise.all(closing.map(close => close()))
})
