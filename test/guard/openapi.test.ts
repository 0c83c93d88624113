import swagger from '@fastify/swagger'
import { Validator } from '@seriousme/openapi-schema-validator'
import Fastify, { type FastifyInstance } from 'fastify'
import t from 'tap'
import {
  BEARER,
  bearerScheme,
  checkAnyScope,
  checkScopes,
  guard,
  invalidToken,
  requireToken,
} from '../../packages/guard/src/index.ts'

/** What the guard writes into the document of an application that is not ours. */

interface Operation {
  summary?: string
  security?: Record<string, string[]>[]
  responses: Record<string, { description: string; content?: Record<string, unknown> }>
}

const authenticate = () => {
  throw invalidToken('The access token is not known.')
}
const withGuard = (app: FastifyInstance) => app.register(guard, { authenticate })
const withSwagger = (app: FastifyInstance) =>
  app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Orders', version: '1' },
      components: { securitySchemes: { [BEARER]: bearerScheme } },
    },
  })

function routes(app: FastifyInstance) {
  const ok = async () => ({ ok: true })
  app.get('/open', ok)
  app.get('/token', { preHandler: requireToken() }, ok)
  app.get('/all', { preHandler: checkScopes('orders:read', 'reports') }, ok)
  app.get('/any', { preHandler: checkAnyScope('orders:read', 'reports') }, ok)
  app.get('/both', { onRequest: checkScopes('a'), preHandler: [checkScopes('b'), checkAnyScope('c', 'd')] }, ok)
  app.get('/own', {
    preHandler: checkScopes('orders:read'),
    schema: {
      summary: 'Mine',
      security: [{ [BEARER]: ['special'] }],
      response: { 200: { type: 'object', properties: { ok: { type: 'boolean' } } }, 401: { description: 'My words' } },
    },
    handler: ok,
  })
}

async function documentOf(order: ((app: FastifyInstance) => PromiseLike<unknown>)[]) {
  const app = Fastify()
  for (const register of order) await register(app)
  await app.register(async inner => routes(inner), { prefix: '/v1' })
  await app.ready()
  const document = app.swagger() as unknown as { paths: Record<string, { get: Operation }> }
  return { document, get: (path: string) => document.paths[`/v1${path}`]?.get as Operation }
}

for (const [order, plugins] of Object.entries({
  'swagger before the guard': [withSwagger, withGuard],
  'the guard before swagger': [withGuard, withSwagger],
})) {
  t.test(`security and answers of guarded routes, ${order}`, async t => {
    const { document, get } = await documentOf(plugins)
    t.match(await new Validator().validate(document), { valid: true })

    t.equal(get('/open').security, undefined)
    t.strictSame(Object.keys(get('/open').responses), ['200'])

    t.strictSame(get('/token').security, [{ bearer: [] }])
    t.ok(get('/token').responses['401'])
    t.notOk(get('/token').responses['403'], 'a token is all it takes')

    t.strictSame(get('/all').security, [{ bearer: ['orders:read', 'reports'] }])
    t.match(get('/all').responses['403']?.description, /all of orders:read, reports/)
    t.strictSame(get('/any').security, [{ bearer: ['orders:read'] }, { bearer: ['reports'] }])
    t.match(get('/any').responses['403']?.description, /any of orders:read, reports/)
    t.strictSame(get('/both').security, [{ bearer: ['a', 'b', 'c'] }, { bearer: ['a', 'b', 'd'] }])
    for (const status of ['401', '403']) {
      t.match(get('/all').responses[status]?.content, { 'application/problem+json': { schema: { type: 'object' } } })
    }
  })

  t.test(`what the author wrote stands, ${order}`, async t => {
    const own = (await documentOf(plugins)).get('/own')
    t.match(own, { summary: 'Mine', security: [{ bearer: ['special'] }] })
    t.equal(own.responses['401']?.description, 'My words')
    t.match(own.responses['403']?.description, /orders:read/)
    t.ok(own.responses['200'])
  })
}
