import Fastify, { type FastifyInstance } from 'fastify'
import { checkScopes, guard, invalidToken, requireToken, Token, tokenOf } from 'postern/guard'
import { actingAs, actingAsClient } from 'postern/testing'
import t from 'tap'
import { bearer } from '../helpers/requester.ts'

/** An application under test: it knows nothing of tests, and one token. */
async function api(routes: (app: FastifyInstance) => unknown = () => {}): Promise<FastifyInstance> {
  const app = Fastify()
  await app.register(guard, {
    authenticate: text => {
      if (text !== 'grace') throw invalidToken('No.')
      return new Token({ id: 'a', userId: 'grace', clientId: 'b', scopes: [], expiresAt: new Date(Date.now() + 6e4) })
    },
  })
  app.get('/who', { preHandler: requireToken() }, async request => {
    const token = tokenOf(request)
    return {
      user: token.userId,
      client: token.clientId,
      scopes: token.scopes,
      name: token.name,
    }
  })
  app.get('/orders', { preHandler: checkScopes('orders:read') }, async () => [])
  await app.register(async child => void child.get('/deep', { preHandler: checkScopes('orders:read') }, async () => []))
  await routes(app)
  return app
}

const status = async (app: FastifyInstance, url: string, headers = {}) =>
  (await app.inject({ url, headers })).statusCode

t.test('a user acts, with these scopes and no more', async t => {
  const app = await api()
  t.equal(await status(app, '/who'), 401)
  const stop = actingAs(app, { user: 'ada', scopes: ['orders:read'], name: 'laptop' })
  const who = { user: 'ada', client: 'testing', scopes: ['orders:read'], name: 'laptop' }
  t.strictSame((await app.inject('/who')).json(), who)
  t.equal(await status(app, '/orders'), 200)
  t.equal(await status(app, '/deep'), 200, 'in nested plugins too')
  stop()
  t.equal(await status(app, '/orders'), 401)
  actingAs(app, { user: { id: 'eve' } })
  const refused = await app.inject('/orders')
  t.equal(refused.statusCode, 403)
  t.match(refused.headers['www-authenticate'], 'scope="orders:read"')
})

t.test('a client acts for itself', async t => {
  const app = await api()
  actingAsClient(app, { client: 'nightly', scopes: ['orders:read'] })
  t.match((await app.inject('/who')).json(), { user: null, client: 'nightly' })
  t.equal(await status(app, '/orders'), 200)
})

t.test('a request that brings a token is checked as ever', async t => {
  const app = await api()
  actingAs(app, { user: 'ada' })
  t.match((await app.inject({ url: '/who', headers: bearer('grace') })).json(), { user: 'grace' })
  t.equal(await status(app, '/who', bearer('nonsense')), 401)
})

t.test('the last one acts, and each ends by itself, in any order', async t => {
  const app = await api()
  const user = async () => (await app.inject('/who')).json().user
  const first = actingAs(app, { user: 'first' })
  const second = actingAs(app, { user: 'second' })
  t.equal(await user(), 'second')
  first()
  t.equal(await user(), 'second')
  const third = actingAs(app, { user: 'third' })
  third()
  third()
  t.equal(await user(), 'second')
  second()
  t.equal(await status(app, '/who'), 401)
})

t.test('other applications, and other guards, go on as they were', async t => {
  const one = await api(async app => {
    await app.register(async child => {
      await child.register(guard, {
        authenticate: () => {
          throw invalidToken('Never.')
        },
      })
      child.get('/own', { preHandler: requireToken() }, async () => ({}))
    })
  })
  const other = await api()
  actingAs(one, { user: 'ada' })
  t.equal(await status(one, '/who'), 200)
  t.equal(await status(one, '/own'), 401)
  t.equal(await status(other, '/who'), 401)
})

t.test('an application without the guard, or that is not ready, is named', async t => {
  t.throws(() => actingAs(Fastify(), { user: 'ada' }), /actingAs: this instance has no guard/)
  const app = Fastify()
  app.register(guard, { authenticate: () => null as never })
  t.throws(() => actingAsClient(app, { client: 'x' }), /after app\.ready/)
  await app.ready()
  t.doesNotThrow(() => actingAsClient(app, { client: 'x' }))
})

t.test('nobody acts in production', async t => {
  const app = await api()
  const { NODE_ENV } = process.env
  t.teardown(() => {
    if (NODE_ENV === undefined) delete process.env.NODE_ENV
    else process.env.NODE_ENV = NODE_ENV
  })
  process.env.NODE_ENV = 'production'
  t.throws(() => actingAs(app, { user: 'ada' }), /actingAs is for tests only/)
  t.throws(() => actingAsClient(app, { client: 'x' }), /actingAsClient is for tests only/)
  t.equal(await status(app, '/who'), 401)
})
