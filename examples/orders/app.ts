// An API that embeds Postern as its authorization server. Run it from a checkout:
//   node --conditions=postern-source examples/orders/app.ts
import Fastify, { type FastifyInstance } from 'fastify'
import { openPostern, type Postern } from 'postern'
import { checkAnyScope, checkScopes, guard, requireToken, tokenOf } from 'postern/guard'

export const catalogue = [
  { id: 'orders:read', description: 'Read your orders', default: true },
  { id: 'orders:create', description: 'Place orders' },
  { id: 'orders:cancel', description: 'Cancel orders' },
  { id: 'support', description: 'Access the orders of all users' },
] as const

declare module 'postern/guard' {
  // A misspelt scope does not compile.
  interface Catalogue {
    scope: (typeof catalogue)[number]['id']
  }
}

interface Order {
  id: number
  item: string
  owner: string | null
}

export async function ordersApi(postern: Postern): Promise<FastifyInstance> {
  const orders: Order[] = []
  const app = Fastify()
  await app.register(postern.plugin, { prefix: '/auth' })
  await app.register(guard, postern.guard)

  app.get('/orders', { preHandler: checkAnyScope('orders:read', 'support') }, async request => {
    const token = tokenOf(request)
    return token.can('support') ? orders : orders.filter(order => order.owner === token.userId)
  })

  app.post<{ Body: { item: string } }>(
    '/orders',
    {
      preHandler: checkScopes('orders:read', 'orders:create'),
      schema: { body: { type: 'object', required: ['item'], properties: { item: { type: 'string' } } } },
    },
    async (request, reply) => {
      const order = { id: orders.length + 1, item: request.body.item, owner: tokenOf(request).userId }
      orders.push(order)
      return reply.code(201).send(order)
    },
  )

  app.delete<{ Params: { id: string } }>('/orders/:id', { preHandler: requireToken() }, async (request, reply) => {
    const token = tokenOf(request)
    const index = orders.findIndex(order => order.id === Number(request.params.id))
    const isOwn = orders[index]?.owner === token.userId
    if (index < 0 || !(isOwn || token.can('support'))) return reply.callNotFound()
    if (token.cant('orders:cancel')) return reply.code(403).send({ message: 'This token cannot cancel orders.' })
    orders.splice(index, 1)
    return reply.code(204).send()
  })

  return app
}

if (import.meta.main) {
  const port = 4000
  const app = await ordersApi(await openPostern({ catalogue, issuer: `http://localhost:${port}/auth` }))
  await app.listen({ port })
}
