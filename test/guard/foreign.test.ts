import formbody from '@fastify/formbody'
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import t from 'tap'
import defaultExport, {
  type Authenticate,
  checkAnyScope,
  checkScopes,
  guard,
  requireToken,
  tokenOf,
} from '../../packages/guard/src/index.ts'
import { accepts } from '../helpers/good.ts'

/** Applications that are not ours: the guard and nothing else of the server. */

const acceptsLater: Authenticate = async text => accepts(text)

/** Status and the exact challenge. */
const refusal = (answer: { statusCode: number; headers: Record<string, unknown> }) => [
  answer.statusCode,
  answer.headers['www-authenticate'],
]

const good = { authorization: 'Bearer good' }
const REALM = 'Bearer realm="postern"'
const NONE = 'Bearer realm="postern", scope="orders:read"'
const BAD =
  'Bearer realm="postern", error="invalid_token", error_description="The access token is not known.", scope="orders:read"'
const LITTLE =
  'Bearer realm="postern", error="insufficient_scope", error_description="This needs the scope orders:create.", scope="orders:create"'

async function foreign(authenticate: Authenticate, routes: (app: FastifyInstance) => void): Promise<FastifyInstance> {
  const app = Fastify()
  await app.register(formbody)
  await app.register(guard, { authenticate })
  routes(app)
  return app
}

const routes = (app: FastifyInstance) => {
  app.get('/any', { preHandler: requireToken() }, async request => ({ who: tokenOf(request).userId }))
  app.get('/read', { preHandler: checkScopes('orders:read') }, async () => ({ ok: true }))
  app.get('/create', { preHandler: checkScopes('orders:create') }, async () => ({ ok: true }))
  app.post('/form', { preHandler: requireToken() }, async () => ({ ok: true }))
}

for (const [how, authenticate] of Object.entries({ 'at once': accepts, later: acceptsLater })) {
  t.test(`a token that is checked ${how}, with the default error handler`, async t => {
    const app = await foreign(authenticate, routes)
    t.strictSame((await app.inject({ url: '/any', headers: good })).json(), { who: 'ada' })
    t.equal((await app.inject({ url: '/read', headers: good })).statusCode, 200)

    const none = await app.inject('/read')
    t.strictSame(refusal(none), [401, NONE])
    t.match(none.json(), { statusCode: 401, error: 'Unauthorized', message: /Authorization: Bearer/ })

    const bad = await app.inject({ url: '/read', headers: { authorization: 'Bearer bad' } })
    t.strictSame(refusal(bad), [401, BAD])
    t.match(bad.json(), { code: 'invalid_token' })

    const little = await app.inject({ url: '/create', headers: good })
    t.strictSame(refusal(little), [403, LITTLE])
    t.match(little.json(), {
      statusCode: 403,
      code: 'insufficient_scope',
      message: 'This needs the scope orders:create; the token has orders:read.',
    })
  })

  t.test(`a token that is checked ${how}, with an error handler of the application`, async t => {
    const app = await foreign(authenticate, app => {
      app.setErrorHandler((error: Error & { statusCode?: number }, _request, reply) =>
        reply.code(error.statusCode ?? 500).send({ status: 'fail', reason: error.message }),
      )
      routes(app)
    })
    const none = await app.inject('/read')
    t.strictSame(refusal(none), [401, NONE])
    t.match(
      none.json(),
      { status: 'fail', reason: /Authorization: Bearer/ },
      'what the application says goes out whole',
    )
    const little = await app.inject({ url: '/create', headers: good })
    t.strictSame(refusal(little), [403, LITTLE])
    t.strictSame(little.json(), {
      status: 'fail',
      reason: 'This needs the scope orders:create; the token has orders:read.',
    })
  })
}

t.test('a token comes in one way, the header', async t => {
  const app = await foreign(accepts, routes)
  const post = (type: string, headers = {}) =>
    app.inject({
      method: 'POST',
      url: '/form',
      headers: { 'content-type': type, ...headers },
      payload: 'access_token=good',
    })
  t.strictSame(refusal(await app.inject('/any?access_token=good')), [401, REALM])
  t.equal((await app.inject({ url: '/any?access_token=good', headers: good })).statusCode, 400)
  for (const type of ['application/x-www-form-urlencoded', 'Application/X-WWW-Form-URLencoded; charset=utf-8']) {
    t.strictSame(refusal(await post(type)), [401, REALM], `in the body alone, ${type}`)
    t.strictSame(refusal(await post(type, good)), [400, 'Bearer realm="postern", error="invalid_request"'])
  }
})

t.test('an authenticate that gives no token lets nobody in', async t => {
  const answers = { undefined, null: null, text: 'ada', object: { lacks: () => [], scopes: [] } }
  for (const [name, answer] of Object.entries(answers)) {
    for (const authenticate of [() => answer, async () => answer] as unknown as Authenticate[]) {
      const app = await foreign(authenticate, routes)
      for (const url of ['/any', '/read'])
        t.equal((await app.inject({ url, headers: good })).statusCode, 500, `${name} ${url}`)
    }
  }
})

t.test('an authenticate that fails lets nobody in', async t => {
  const failing = [
    () => {
      throw new Error('sync')
    },
    async () => {
      throw new Error('async')
    },
  ] as Authenticate[]
  for (const authenticate of failing) {
    const app = await foreign(authenticate, routes)
    t.equal((await app.inject({ url: '/any', headers: good })).statusCode, 500)
  }
})

t.test('registered twice on one instance it is a mistake that shows at the start', async t => {
  const app = Fastify()
  await app.register(guard, { authenticate: accepts })
  t.ok(app.hasPlugin('postern-guard'))
  app.register(guard, { authenticate: accepts })
  await t.rejects(Promise.resolve(app.ready()), { name: 'TypeError', message: /already registered on this instance/ })
  t.equal(defaultExport, guard)
})

t.test('the token of an unguarded route is a mistake of the application', async t => {
  const app = await foreign(accepts, app => {
    app.get('/open', async request => ({ who: tokenOf(request).userId }))
  })
  const answer = await app.inject({ url: '/open', headers: good })
  t.match(answer.json(), { statusCode: 500, code: 'route_not_guarded' })
})

t.test('without a guard every guarded route is refused', async t => {
  const app = Fastify()
  routes(app)
  for (const url of ['/any', '/read']) {
    const answer = await app.inject({ url, headers: good })
    t.match(answer.json(), { statusCode: 500, code: 'guard_not_registered' })
  }
})

t.test('what another plugin keeps in request.token is no token', async t => {
  const withSession = () => {
    const app = Fastify()
    app.decorateRequest('token', null as never)
    app.addHook('onRequest', async request => Object.assign(request, { token: 'of a session' }))
    return app
  }
  const unguarded = withSession()
  routes(unguarded)
  t.equal((await unguarded.inject('/any')).statusCode, 500)
  t.equal((await unguarded.inject('/read')).statusCode, 500)
  const guarded = withSession()
  await guarded.register(guard, { authenticate: accepts })
  routes(guarded)
  t.equal((await guarded.inject('/any')).statusCode, 401)
  t.equal((await guarded.inject({ url: '/any', headers: good })).statusCode, 200)
})

t.test('under a prefix, in nested plugins, in onRequest, and twice on one route', async t => {
  let asked = 0
  const app = Fastify()
  await app.register(guard, {
    authenticate: text => {
      asked++
      return accepts(text)
    },
  })
  await app.register(
    async outer => {
      await outer.register(async inner => {
        inner.get('/deep', { preHandler: checkScopes('orders:read') }, async () => ({ ok: true }))
      })
      outer.get('/early', { onRequest: checkScopes('orders:create') }, async () => ({ ok: true }))
      outer.get(
        '/twice',
        { onRequest: checkScopes('orders:read'), preHandler: [requireToken(), checkAnyScope('x', 'orders:read')] },
        async () => ({ ok: true }),
      )
      outer.get('/second', { preHandler: [checkScopes('orders:read'), checkScopes('orders:create')] }, async () => ({
        ok: true,
      }))
    },
    { prefix: '/v1' },
  )
  const status = async (url: string) => (await app.inject({ url, headers: good })).statusCode
  t.equal(await status('/v1/deep'), 200)
  t.equal((await app.inject('/v1/deep')).statusCode, 401)
  t.equal(await status('/v1/early'), 403)
  asked = 0
  t.equal(await status('/v1/twice'), 200)
  t.equal(asked, 1, 'one request authenticates once')
  t.equal(await status('/v1/second'), 403, 'each check counts')
})

t.test('a guard inside a plugin guards that plugin, and its siblings are refused', async t => {
  const app = Fastify()
  app.register(async inside => {
    await inside.register(guard, { authenticate: accepts })
    inside.get('/inside', { preHandler: requireToken() }, async () => ({ ok: true }))
  })
  app.register(async sibling => {
    sibling.get('/sibling', { preHandler: requireToken() }, async () => ({ ok: true }))
  })
  t.equal((await app.inject({ url: '/inside', headers: good })).statusCode, 200)
  t.equal((await app.inject({ url: '/sibling', headers: good })).statusCode, 500)
})

t.test('one request never sees the token of another', async t => {
  const seen: unknown[] = []
  const app = await foreign(accepts, app => {
    app.addHook('onRequest', async (request: FastifyRequest) => void seen.push(request.token))
    routes(app)
  })
  await app.inject({ url: '/any', headers: good })
  t.equal((await app.inject('/any')).statusCode, 401)
  t.strictSame(seen, [null, null])
})

t.test('a check without scopes is a mistake that shows at once', async t => {
  const none: [] = []
  for (const check of [checkScopes, checkAnyScope] as unknown as ((...scopes: string[]) => void)[]) {
    t.throws(() => check(...none), { name: 'TypeError', message: /at least one scope.*requireToken\(\)/ })
  }
})
