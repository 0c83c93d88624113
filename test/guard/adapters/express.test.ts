import { createServer } from 'node:http'
import express from 'express'
import { expressGuard, Token, tokenOf } from 'postern/guard/express'
import t, { type Test } from 'tap'
import { guards, listen, type Serve } from './behaviour.ts'

const serve: Serve = async options => {
  const checks = expressGuard(options)
  const { checkScopes, checkAnyScope, requireToken } = checks
  const app = express()
  const user: express.RequestHandler = (request, response) => {
    response.json({ user: tokenOf(request).userId })
  }
  if ('audience' in options) app.use(checks.protectedResource({ scopes: ['orders:read'] }))
  app.get('/any', requireToken(), user)
  app.get('/read', checkScopes('orders:read'), user)
  app.get('/create', checkScopes('orders:read', 'orders:create'), user)
  app.get('/either', checkAnyScope('reports', 'x'), user)
  app.get('/twice', checkScopes('orders:read'), checkScopes('orders:create'), user)
  return { server: createServer(app), checks }
}

guards(t, serve)

const token = (scopes: string[]) =>
  new Token({ id: 'a', userId: 'ada', clientId: 'b', scopes, expiresAt: new Date(Date.now() + 60_000) })

/** Asks the application with a token. */
async function asking(t: Test, app: express.Express) {
  const port = await listen(t, createServer(app))
  return (path: string, init: RequestInit = {}) =>
    fetch(`http://127.0.0.1:${port}${path}`, { headers: { authorization: 'Bearer x' }, ...init })
}

t.test('a token in a form beside the header, where the form was read before', async t => {
  const { requireToken } = expressGuard({ authenticate: () => token([]) })
  const app = express()
  app.post('/form', express.urlencoded(), requireToken(), (_request, response) => void response.json({}))
  const ask = await asking(t, app)
  const post = (body: URLSearchParams, headers = {}) => ask('/form', { method: 'POST', body, headers })
  const both = new URLSearchParams({ access_token: 'x' })
  t.equal((await post(both)).status, 401)
  t.equal((await post(both, { authorization: 'Bearer x' })).status, 400)
  t.equal((await post(new URLSearchParams({ a: 'b' }), { authorization: 'Bearer x' })).status, 200)
})

t.test('two guards on one request ask each for itself', async t => {
  const outer = expressGuard({ authenticate: () => token(['orders:read', 'orders:create']) })
  const inner = expressGuard({ authenticate: () => token(['orders:read']) })
  const app = express()
  app.use(outer.checkScopes('orders:create'))
  const router = express.Router()
  router.get('/orders', inner.checkScopes('orders:read'), (request, response) => void response.json(tokenOf(request)))
  router.post('/orders', inner.checkScopes('orders:create'), (_request, response) => void response.json({}))
  app.use('/v1', router)
  const ask = await asking(t, app)
  t.match(await (await ask('/v1/orders')).json(), { scopes: ['orders:read'] })
  t.equal((await ask('/v1/orders', { method: 'POST' })).status, 403)
})

t.test('what was set before a refusal stays, and a handler that fails is the application’s', async t => {
  const { checkScopes, requireToken } = expressGuard({ authenticate: () => token([]) })
  const app = express()
  app.use((_request, response, next) => {
    response.setHeader('access-control-allow-origin', '*')
    next()
  })
  app.get('/none', checkScopes('x'), (_request, response) => void response.json({}))
  app.get('/fails', requireToken(), () => {
    throw new Error('no van')
  })
  app.use(((error, _request, response, _next) => {
    response.status(418).json({ reason: error.message })
  }) satisfies express.ErrorRequestHandler)
  const ask = await asking(t, app)
  const refused = await ask('/none')
  t.match([refused.status, refused.headers.get('access-control-allow-origin')], [403, '*'])
  const failed = await ask('/fails')
  t.strictSame([failed.status, await failed.json()], [418, { reason: 'no van' }])
})
