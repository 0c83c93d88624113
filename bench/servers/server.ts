import Fastify, { type FastifyInstance } from 'fastify'
import { createApp } from '../../src/app.ts'
import { createEmbeddedPlugins } from '../../src/embed.ts'
import { guard } from '../../src/index.ts'
import { openServices } from '../../src/open-services.ts'
import type { Services } from '../../src/services.ts'

export const CATALOGUE = {
  scopes: [
    { id: 'orders:read', description: 'Read orders', default: true },
    { id: 'orders:create', description: 'Place orders' },
  ],
}

const PEOPLE = 100
const LISTEN = { port: 0, host: '127.0.0.1' }
/** Ends with the prefix of the plugin. */
const ISSUER = 'http://localhost:3000/auth'

export interface BenchServer {
  postern: Services
  app: FastifyInstance
  /** @returns the address */
  listen(): Promise<string>
  /** Issues distinct live tokens for a hundred users. */
  issue(input: IssueInput): Promise<string[]>
}

export interface IssueInput {
  count: number
  scopes: string[]
  format?: 'jwt' | 'opaque'
}

/** Creates a Fastify application that embeds Postern; callers may add routes. */
export async function openServer(): Promise<BenchServer> {
  const postern = await openServices({ catalogue: CATALOGUE, issuer: ISSUER })
  const { authenticate, catalogue } = postern
  const app = Fastify()
  await app.register(guard, { authenticate, catalogue })
  await app.register(createEmbeddedPlugins(postern).plugin, { prefix: '/auth' })
  let owners: Promise<{ id: string; role: 'user' }[]> | undefined
  return {
    postern,
    app,
    listen: () => app.listen(LISTEN),
    async issue({ count, scopes, format }) {
      owners ??= people(postern)
      const users = await owners
      const issued = Array.from({ length: count }, (_, i) =>
        postern.tokens.issuePersonal({ user: users[i % PEOPLE]!, name: `bench ${i}`, scopes, format }),
      )
      return (await Promise.all(issued)).map(({ plainText }) => plainText)
    },
  }
}

/** A server of its own, as `npm start` runs it, without a line of the log for each request. */
export async function openStandalone(): Promise<Pick<BenchServer, 'postern' | 'app' | 'listen'>> {
  const postern = await openServices({ catalogue: CATALOGUE, issuer: 'http://localhost:3000', logLevel: 'warn' })
  const app = await createApp(postern)
  return { postern, app, listen: () => app.listen(LISTEN) }
}

function people({ users }: Services): Promise<{ id: string; role: 'user' }[]> {
  const each = Array.from({ length: PEOPLE }, async (_, i) => {
    const email = `bench-${i}-${Date.now()}@example.com`
    const { id } = await users.create({ email, name: 'Ada Lovelace', password: 'correct horse battery' })
    return { id, role: 'user' as const }
  })
  return Promise.all(each)
}
