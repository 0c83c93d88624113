import { createApp } from '../../src/app.ts'
import { loadConfig } from '../../src/config/config.ts'
import { openDatabase } from '../../src/open-database.ts'
import { createServices } from '../../src/services.ts'
import { APP_KEY, CATALOGUE, ISSUER, type TestApp } from '../helpers/app.ts'
import { SERVER, testDatabase } from '../helpers/database.ts'

type Test = { teardown(work: () => unknown): void }

export const METRICS_TOKEN = 'reads-the-figures-of-a-node-000000'

export const ONLY_SHARED = { skip: !SERVER && 'an embedded database has one node' }

export interface Node extends TestApp {
  warnings: string[]
  errors: string[]
}

/** Servers on one PostgreSQL that hear one another, as behind a balancer. */
export async function openNodes(t: Test, count: number): Promise<Node[]> {
  const where = await testDatabase(t)
  return Promise.all(Array.from({ length: count }, () => openNode(t, where.databaseUrl as string)))
}

export async function openNode(t: Test, databaseUrl: string, listenUrl = databaseUrl): Promise<Node> {
  const db = await openDatabase({ databaseUrl, databasePoolSize: 4, dataDir: undefined })
  const config = { ...loadConfig({ APP_KEY, ISSUER, METRICS_TOKEN, LOG_LEVEL: 'silent' }), databaseUrl, listenUrl }
  const warnings: string[] = []
  const errors: string[] = []
  const log = {
    warn: (_: object, message: string) => void warnings.push(message),
    error: (_: object, message: string) => void errors.push(message),
  }
  const services = await createServices({ config, catalogue: CATALOGUE, db, log })
  t.teardown(() => services.close())
  await services.ensure()
  services.listen()
  const app = await createApp(services)
  return { app, services, warnings, errors }
}

const MOST_TRIES = 5_000

/** Asks again until it is so: a bounded number of questions, each a round trip to a database, and no clock. */
export async function eventually(question: () => boolean | Promise<boolean>, node: Node): Promise<boolean> {
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    if (await question()) return true
    await node.services.db.query('select 1')
  }
  return false
}

export const connected = (node: Node): Promise<boolean> => eventually(() => node.services.bus.connected, node)

export async function status({ app }: Node, headers: Record<string, string>, url = '/api/user'): Promise<number> {
  return (await app.inject({ url, headers })).statusCode
}
