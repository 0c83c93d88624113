import type { Server } from 'node:http'
import { createAdaptorServer } from '@hono/node-server'
import { type Context, Hono } from 'hono'
import { cors } from 'hono/cors'
import { type GuardVariables, honoGuard, Token } from 'postern/guard/hono'
import t from 'tap'
import { guards, type Serve } from './behaviour.ts'

const serve: Serve = async options => {
  const checks = honoGuard(options)
  const { checkScopes, checkAnyScope, requireToken } = checks
  const app = new Hono<{ Variables: GuardVariables }>()
  const user = (c: Context<{ Variables: GuardVariables }>) => c.json({ user: c.get('token').userId })
  if ('audience' in options) app.use(checks.protectedResource({ scopes: ['orders:read'] }))
  app.get('/any', requireToken(), user)
  app.get('/read', checkScopes('orders:read'), c => c.json({ user: c.get('token').userId }))
  app.get('/create', checkScopes('orders:read', 'orders:create'), user)
  app.get('/either', checkAnyScope('reports', 'x'), user)
  app.get('/twice', checkScopes('orders:read'), checkScopes('orders:create'), user)
  return { server: createAdaptorServer({ fetch: app.fetch }) as Server, checks }
}

guards(t, serve)

const token = new Token({ id: 'a', userId: 'ada', clientId: 'b', scopes: ['a'], expiresAt: new Date(Date.now() + 6e4) })
const { checkScopes } = honoGuard({ authenticate: () => token })
const headers = { authorization: 'Bearer x' }

t.test('before every route of an application, without any server', async t => {
  const app = new Hono<{ Variables: GuardVariables }>()
  app.use('/v1/*', checkScopes('a'))
  app.get('/v1/orders', c => c.json(c.var.token.scopes))
  t.equal((await app.request('/v1/orders')).status, 401)
  t.strictSame(await (await app.request('/v1/orders', { headers })).json(), ['a'])
})

t.test('an application that declares no variables', async t => {
  const app = new Hono()
  app.get('/', checkScopes('a'), c => c.text('let in'))
  t.equal(await (await app.request('/', { headers })).text(), 'let in')
})

t.test('what others set stays, and a handler that fails is the application’s', async t => {
  const app = new Hono()
  app.use(cors())
  app.use(async (c, next) => {
    c.header('x-request-id', '1')
    await next()
  })
  app.get('/none', checkScopes('b'), c => c.text('let in'))
  app.get('/fails', checkScopes('a'), () => {
    throw new Error('no van')
  })
  app.onError((error, c) => c.text(error.message, 418))
  const refused = await app.request('/none', { headers })
  t.match(
    [refused.status, refused.headers.get('access-control-allow-origin'), refused.headers.get('x-request-id')],
    [403, '*', '1'],
  )
  const failed = await app.request('/fails', { headers })
  t.strictSame([failed.status, await failed.text()], [418, 'no van'])
})
