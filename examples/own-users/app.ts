// A shop with a user table of its own, whose customers get tokens for its API. Run it from a checkout:
//   node --conditions=postern-source examples/own-users/app.ts
import { randomBytes } from 'node:crypto'
import cookie from '@fastify/cookie'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { type ApplicationUsers, openPostern, type Postern } from 'postern'
import { checkScopes, guard, tokenOf } from 'postern/guard'
import { type Customers, openCustomers } from './customers.ts'

export const catalogue = [
  { id: 'orders:read', description: 'Read your orders', default: true },
  { id: 'orders:create', description: 'Place orders' },
]

/** The cookie of the shop: who signed in, and when. */
const COOKIE = 'shop'

/** What Postern asks the shop. */
export const usersOf = (customers: Customers): ApplicationUsers => ({
  find: id => customers.find(id),
  signIn: (email, password) => customers.signIn(email, password),
  session: (request: FastifyRequest) => sessionOf(request),
})

export async function shop(customers: Customers, postern: Postern, secret = randomBytes(32).toString('hex')) {
  const app = Fastify()
  // Before Postern, so that the cookie is there when Postern asks for the session.
  await app.register(cookie, { secret })
  await app.register(postern.plugin, { prefix: '/auth' })
  await app.register(guard, postern.guard)
  signInRoutes(app, customers)
  tokenRoutes(app, customers, postern)

  app.get('/orders', { preHandler: checkScopes('orders:read') }, async request => ({
    orders: [],
    of: tokenOf(request).userId,
  }))

  return app
}

interface Credentials {
  name?: string
  email: string
  password: string
}

function signInRoutes(app: FastifyInstance, customers: Customers): void {
  app.post<{ Body: Credentials }>('/register', async ({ body }, reply) => {
    const { name = body.email, email, password } = body
    const { id } = await customers.register(name, email, password)
    return startSession(reply, id).code(201).send({ id })
  })

  app.post<{ Body: Credentials }>('/login', async ({ body }, reply) => {
    const id = await customers.signIn(body.email, body.password)
    return id === undefined ? reply.code(401).send({ message: 'Wrong.' }) : startSession(reply, id).send({ id })
  })

  app.post('/logout', async (_request, reply) => reply.clearCookie(COOKIE).code(204).send())
}

function tokenRoutes(app: FastifyInstance, customers: Customers, postern: Postern): void {
  app.post<{ Body: { name: string; scopes?: string[] } }>('/tokens', async (request, reply) => {
    const user = sessionOf(request)?.id
    if (user === undefined) return reply.code(401).send({ message: 'Sign in first.' })
    const { name, scopes } = request.body
    const { token, data } = await postern.tokens.issue({ user, name, scopes })
    return reply.code(201).send({ token, data })
  })

  app.get('/tokens', async (request, reply) => {
    const user = sessionOf(request)?.id
    return user === undefined ? reply.code(401).send({ message: 'Sign in first.' }) : postern.tokens.list({ user })
  })

  app.delete('/account', async (request, reply) => {
    const user = sessionOf(request)?.id
    if (user === undefined) return reply.code(401).send({ message: 'Sign in first.' })
    await customers.remove(user)
    // At once; without it, Postern would notice within seconds that the customer is gone.
    await postern.users.remove(user)
    return reply.clearCookie(COOKIE).code(204).send()
  })
}

const startSession = (reply: FastifyReply, id: string) =>
  reply.setCookie(COOKIE, `${id}.${Date.now()}`, { signed: true, httpOnly: true, sameSite: 'lax', path: '/' })

function sessionOf(request: Pick<FastifyRequest, 'cookies' | 'unsignCookie'>) {
  const { valid, value } = request.unsignCookie(request.cookies[COOKIE] ?? '')
  const [id, at] = (valid && value ? value : '').split('.')
  return id ? { id, signedInAt: new Date(Number(at)) } : undefined
}

if (import.meta.main) {
  const port = 4000
  const customers = await openCustomers(process.env.DATABASE_URL)
  const users = usersOf(customers)
  const app = await shop(customers, await openPostern({ catalogue, issuer: `http://localhost:${port}/auth`, users }))
  await app.listen({ port })
}
