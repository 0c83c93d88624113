import Fastify from 'fastify'
import t from 'tap'
import { checkScopes, guard, Token, type TokenInit, tokenOf } from '../../packages/guard/src/index.ts'

const token = (init: Partial<TokenInit> = {}) =>
  new Token({ id: 'token', userId: 'ada', clientId: 'client', scopes: [], expiresAt: new Date(1e12), ...init })

t.test('what a handler finds in request.token', async t => {
  const given = token({ name: 'deploy', scopes: ['reports', 'orders:read'], inherit: true })
  const app = Fastify()
  await app.register(guard, { authenticate: () => given })
  app.get('/', { preHandler: checkScopes('reports') }, async request => {
    const token = tokenOf(request)
    return {
      ...token,
      expiresAt: token.expiresAt,
      can: [token.can('orders:read'), token.can('reports:export'), token.can('orders')],
      cant: [token.cant('orders:read'), token.cant('orders:create')],
    }
  })
  const answer = await app.inject({ url: '/', headers: { authorization: 'Bearer x' } })
  t.strictSame(answer.json(), {
    id: 'token',
    userId: 'ada',
    clientId: 'client',
    name: 'deploy',
    scopes: ['reports', 'orders:read'],
    expiresAt: new Date(1e12).toISOString(),
    can: [true, true, false],
    cant: [false, true],
  })
})

t.test('a scope grants itself; * everything but the administration; a word its own words, if inherited', async t => {
  const rows: [granted: string[], wanted: string, inherit: boolean, can: boolean][] = [
    [[], 'a', false, false],
    [['a'], 'a', false, true],
    [['a'], 'a:b', false, false],
    [['a'], 'a:b', true, true],
    [['a'], 'a:b:c', true, true],
    [['a:b'], 'a', true, false],
    [['a'], 'ab', true, false],
    [['a:'], 'a:b', true, false],
    [['*'], 'a', false, true],
    [['*'], 'tokens:write', false, true],
    [['*'], 'admin:read', false, false],
    [['*'], 'admin:read:all', true, false],
    [['admin'], 'admin:read', true, false],
    [['admin:read'], 'admin:read', false, true],
    [['admin:read'], 'admin:read:all', true, false],
    [['a'], '', true, false],
    [['A'], 'a', true, false],
  ]
  for (const [scopes, wanted, inherit, can] of rows) {
    const one = token({ scopes, inherit })
    t.equal(one.can(wanted), can, `${scopes} → ${wanted}${inherit ? ', inherited' : ''}`)
    t.equal(one.cant(wanted), !can)
    t.strictSame(one.lacks([wanted]), can ? [] : [wanted])
  }
})

t.test('a token is shared between requests, so no handler can change it', async t => {
  const scopes = ['orders:read']
  const one = token({ scopes })
  scopes.push('orders:create')
  t.equal(one.can('orders:create'), false)
  t.throws(() => (one.scopes as string[]).push('orders:create'), TypeError)
  t.throws(() => Object.assign(one, { userId: 'eve' }), TypeError)
  one.expiresAt.setFullYear(9999)
  t.equal(one.expiresAt.getTime(), 1e12)
})
