import type { FastifyInstance } from 'fastify'
import { createApp } from '../../src/app.ts'
import type { House } from '../../src/house.ts'
import { type TestOptions, testHouse } from './app.ts'
import { freePort } from './port.ts'

type Test = { teardown(work: () => unknown): void }

export interface Issuer {
  issuer: string
  house: House
  app: FastifyInstance
}

/** A server that listens under its own name, for clients that nobody here wrote. */
export async function listeningIssuer(t: Test, options: TestOptions = {}): Promise<Issuer> {
  const port = await freePort()
  const issuer = `http://127.0.0.1:${port}`
  const house = await testHouse(t, { issuer, audience: issuer, ...options })
  const app = await createApp(house)
  await app.listen({ port, host: '127.0.0.1' })
  t.teardown(() => app.close())
  return { issuer, house, app }
}
