import type { FastifyInstance } from 'fastify'
import { createApp } from '../../src/app.ts'
import type { Services } from '../../src/services.ts'
import { type TestOptions, testServices } from './app.ts'
import { freePort } from './port.ts'

type Test = { teardown(work: () => unknown): void }

export interface Issuer {
  issuer: string
  services: Services
  app: FastifyInstance
}

/**
 * A server that listens under its own name, for clients that nobody here wrote.
 * @param host of the issuer: `localhost` has passkeys, an address has none
 * @param chosen its port; default: a free one
 */
export async function listeningIssuer(
  t: Test,
  options: TestOptions = {},
  host = '127.0.0.1',
  chosen?: number,
): Promise<Issuer> {
  const port = chosen ?? (await freePort())
  const issuer = `http://${host}:${port}`
  const services = await testServices(t, { issuer, audience: issuer, ...options })
  const app = await createApp(services)
  await app.listen({ port, host: '127.0.0.1' })
  t.teardown(() => app.close())
  return { issuer, services, app }
}
