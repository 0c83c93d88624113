// The shop of examples/own-users, with Express. Run it from a checkout:
//   node --conditions=postern-source examples/own-users-express/app.ts
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import express, { type Express, type NextFunction, type Request, type Response } from 'express'
import { type ApplicationUsers, openPostern, type Postern } from 'postern'
import expressGuard, { tokenOf } from 'postern/guard/express'
import { type Customers, openCustomers } from '../own-users/customers.ts'

export const catalogue = [
  { id: 'orders:read', description: 'Read your orders', default: true },
  { id: 'orders:create', description: 'Place orders' },
]

const secret = randomBytes(32)

/** What Postern asks the shop. Its requests are those of Express. */
export const usersOf = (customers: Customers): ApplicationUsers => ({
  find: id => customers.find(id),
  signIn: (email, password) => customers.signIn(email, password),
  session: (request: Request) => customerOf(request),
})

export async function shop(customers: Customers, postern: Postern): Promise<Express> {
  const app = express()
  // Before the parsers of bodies: Postern reads its own.
  app.use(await postern.handler())
  app.use(express.json())
  const { checkScopes } = expressGuard(postern.guard)

  app.post('/login', async (request, response) => {
    const id = await customers.signIn(request.body.email, request.body.password)
    if (id === undefined) return void response.status(401).json({ message: 'Wrong.' })
    response.cookie('shop', `${id}.${sign(id)}`, { httpOnly: true, sameSite: 'lax' }).json({ id })
  })

  app.post('/tokens', async (request, response) => {
    const user = customerOf(request)
    if (user === undefined) return void response.status(401).json({ message: 'Sign in first.' })
    const { name, scopes } = request.body
    const { token, data } = await postern.tokens.issue({ user, name, scopes })
    response.status(201).json({ token, data })
  })

  app.get('/orders', checkScopes('orders:read'), (request, response) => {
    response.json({ orders: [], of: tokenOf(request).userId })
  })

  // Errors of Postern have a status: 404 for an unknown customer, 503 while the shop cannot look one up.
  app.use((error: Error & { status?: number }, _request: Request, response: Response, _next: NextFunction) => {
    response.status(error.status ?? 500).json({ message: error.status ? error.message : 'Something went wrong.' })
  })
  return app
}

const sign = (id: string) => createHmac('sha256', secret).update(id).digest('base64url')

function customerOf({ headers }: IncomingMessage): string | undefined {
  const [, id = '', signature = ''] = /(?:^|; )shop=(\d+)\.([\w-]+)/.exec(headers.cookie ?? '') ?? []
  const expected = sign(id)
  const isValid = signature.length === expected.length && timingSafeEqual(Buffer.from(signature), Buffer.from(expected))
  return isValid ? id : undefined
}

if (import.meta.main) {
  const port = 4000
  const customers = await openCustomers(process.env.DATABASE_URL)
  const users = usersOf(customers)
  const app = await shop(customers, await openPostern({ catalogue, issuer: `http://localhost:${port}/auth`, users }))
  app.listen(port)
}
