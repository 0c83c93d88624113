import { createLocalJWKSet, jwtVerify } from 'jose'
import t from 'tap'
import type { NewClient } from '../../src/clients/clients.ts'
import type { AccessToken } from '../../src/tokens/token.entity.ts'
import { actingAs, ISSUER, newUser, type TestApp, testApp } from '../helpers/app.ts'
import { expire } from '../helpers/expiry.ts'
import { grantAccess, refresh } from '../helpers/granted-tokens.ts'
import { basic, form } from '../helpers/oauth.ts'

const API = 'https://api.example.com/'
const SIGNED = 'application/token-introspection+jwt'
const INACTIVE = { active: false }

/** A confidential client, and what it asks. */
async function asker({ app, services }: TestApp, settings: Partial<NewClient> = {}) {
  const { client, secret } = await services.clients.create({ name: 'asker', ...settings })
  const headers = basic(client.id, secret)
  const ask = (token: string, more = {}) =>
    form(app, '/oauth/introspect', { token, token_type_hint: 'whatever' }, { ...headers, ...more })
  const machine = async (resource?: string): Promise<string> => {
    const params = { grant_type: 'client_credentials', scope: 'orders:read', resource }
    return (await form(app, '/oauth/token', params, headers)).json().access_token
  }
  return { client, secret, headers, ask, machine }
}

t.test('tokens of a running server', async t => {
  const at = await testApp(t)
  const { app, services } = at
  const api = await asker(at, { name: 'Orders API', audience: API })
  const gateway = await asker(at, { name: 'gateway', audience: ISSUER })
  const plain = await asker(at)
  const usedAt = async (id: string) =>
    services.usage.lastUse((await services.tokenAdmin.find(id)) as AccessToken).lastUsedAt

  t.test('a malformed token causes no query', async t => {
    const { query } = services.db
    let queries = 0
    const counted: typeof query = (...args) => {
      // References of tokens are reserved in the background.
      if (!/oauth_status_lists/.test(args[0])) queries++
      return query(...args)
    }
    await plain.ask('nonsense')
    Object.assign(services.db, { query: counted })
    t.teardown(() => Object.assign(services.db, { query }))
    const { token } = await actingAs(services, [], { format: 'opaque' })
    queries = 0
    for (const text of ['nonsense', `${token}x`, `${token.slice(0, -1)}${token.endsWith('a') ? 'b' : 'a'}`, 'a.b.c']) {
      t.strictSame((await plain.ask(text)).json(), INACTIVE)
    }
    t.equal(queries, 0)
    t.strictSame((await plain.ask(`postr_${'x'.repeat(43)}`)).json(), INACTIVE)
    t.equal(queries, 1, 'it could be a refresh token')
  })

  for (const format of ['jwt', 'opaque'] as const) {
    t.test(`a personal access token, ${format}`, async t => {
      const { user, token, id } = await actingAs(services, ['orders:read', 'reports', 'user:read'], { format })
      const { exp, iat, status, ...rest } = (await gateway.ask(token)).json()
      t.strictSame(rest, {
        active: true,
        scope: 'orders:read reports user:read',
        client_id: (await services.clients.personalAccess()).id,
        username: user.email,
        token_type: 'Bearer',
        sub: user.id,
        aud: ISSUER,
        iss: ISSUER,
        jti: id,
      })
      const unnamed = (await gateway.ask((await actingAs(services, ['orders:read'], { user, format })).token)).json()
      t.match(unnamed, { active: true, sub: user.id })
      t.notOk('username' in unnamed, 'without user:read nobody is told who it is')
      t.match(status, { status_list: { idx: Number, uri: `${ISSUER}/oauth/status-lists/` } }, 'where its status stands')
      t.equal(exp - iat, services.config.personalTokenLifetime)
      t.strictSame((await plain.ask(token)).json(), INACTIVE, 'nothing to a client that is no resource server')
      t.match((await api.ask(token)).json(), { active: true, aud: ISSUER }, 'it names no resource: every API may ask')
      t.ok(await usedAt(id), 'its resource server has seen it used')
    })

    t.test(`a machine's token, ${format}`, async t => {
      const machine = await asker(at, { tokenFormat: format, resources: [API] })
      const token = await machine.machine(API)
      const own = (await machine.ask(token)).json()
      t.match(own, {
        active: true,
        client_id: machine.client.id,
        sub: machine.client.id,
        aud: API,
        scope: 'orders:read',
      })
      t.notOk('username' in own)
      t.equal(await usedAt(own.jti), null, 'to look at a token is not to use it')
      t.match((await api.ask(token)).json(), { active: true, aud: API, jti: own.jti })
      for (const other of [plain, gateway]) t.strictSame((await other.ask(token)).json(), INACTIVE)
      const here = await app.inject({ url: '/api/tokens/current', headers: { authorization: `Bearer ${token}` } })
      t.equal(here.statusCode, 401, 'and opens nothing here, where it is not meant for')
    })

    t.test(`what has changed since, ${format}`, async t => {
      const { user, token, id } = await actingAs(services, ['orders:read', 'reports'], { format })
      const answer = async () => (await gateway.ask(token)).json()
      t.match(await answer(), { active: true })
      await services.tokens.change(user, id, { scopes: ['reports'] })
      t.match(await answer(), { active: true, scope: 'reports' }, 'edited scopes')
      await services.tokens.change(user, id, { suspended: true })
      t.strictSame(await answer(), INACTIVE, 'suspended')
      await services.tokens.change(user, id, { suspended: false })
      t.match(await answer(), { active: true }, 'resumed')
      await services.users.disable(user.id)
      t.strictSame(await answer(), INACTIVE, 'its user disabled')
      await services.users.enable(user.id)
      t.match(await answer(), { active: true })
      await services.tokens.revoke(user.id, id)
      t.strictSame(await answer(), INACTIVE, 'revoked')
    })

    t.test(`an expired token, and one of a revoked client, ${format}`, async t => {
      const { user, token, id } = await actingAs(services, [], { format })
      await gateway.ask(token)
      await expire(services.db, 'oauth_access_tokens', 'id = ?', [id])
      services.bus.applyRemote({ kind: 'token', id })
      t.strictSame((await gateway.ask(token)).json(), INACTIVE, user.id)
      const gone = await asker(at, { tokenFormat: format, resources: [API] })
      const orphan = await gone.machine(API)
      t.match((await api.ask(orphan)).json(), { active: true })
      await services.clients.revoke(gone.client.id)
      t.strictSame((await api.ask(orphan)).json(), INACTIVE)
    })
  }

  t.test('concurrent introspections of a token share one look-up', async t => {
    const { token } = await actingAs(services, [], { format: 'opaque' })
    const { connected } = services.bus
    // A node that cannot hear the others asks the database each time.
    services.bus.setConnected(true)
    await gateway.ask('garbage')
    const { query } = services.db
    let asked = 0
    const counting: typeof query = (...given) => {
      asked++
      return query(...given)
    }
    Object.assign(services.db, { query: counting })
    const answers = await Promise.all(Array.from({ length: 10 }, () => gateway.ask(token)))
    Object.assign(services.db, { query })
    services.bus.setConnected(connected)
    t.ok(answers.every(answer => answer.json().active))
    t.equal(asked, 1)
  })

  t.test('tokens that are not of this server', async t => {
    const { token } = await actingAs(services)
    const { token: opaque } = await actingAs(services, [], { format: 'opaque' })
    const [header, payload] = token.split('.')
    const garbage = {
      words: 'garbage',
      'no signature': `${header}.${payload}.`,
      'another signature': `${header}.${payload}.${'A'.repeat(86)}`,
      'one letter less': token.slice(0, -1),
      'a line break': `${token}\n`,
      'a typing error': opaque.replace(/.$/, c => (c === 'a' ? 'b' : 'a')),
      unknown: `post_${'a'.repeat(40)}000000`,
      long: 'x'.repeat(20_000),
      unicode: '🦊',
    }
    for (const [name, text] of Object.entries(garbage)) {
      const answer = await gateway.ask(text)
      t.equal(answer.statusCode, 200, name)
      t.strictSame(answer.json(), INACTIVE, name)
    }
  })

  t.test('a refresh token, for its own client only', async t => {
    const user = await newUser(services)
    const own = await grantAccess(services, user)
    const ask = async (headers: { authorization: string }) =>
      (await form(app, '/oauth/introspect', { token: own.refreshToken }, headers)).json()
    const { exp, iat, ...rest } = await ask(own.headers)
    t.strictSame(rest, {
      active: true,
      scope: 'orders:read',
      client_id: own.client.id,
      sub: user.id,
      iss: ISSUER,
    })
    t.equal(exp - iat, services.config.refreshTokenLifetime)
    for (const other of [gateway, plain]) t.strictSame(await ask(other.headers), INACTIVE)
    const next = await refresh(app, own)
    t.equal(next.statusCode, 200, next.body)
    t.strictSame(await ask(own.headers), INACTIVE, 'rotated')
    await services.users.disable(user.id)
    const { refresh_token: token } = next.json()
    t.strictSame((await form(app, '/oauth/introspect', { token }, own.headers)).json(), INACTIVE, 'its user disabled')
  })

  t.test('clients and requests that are rejected', async t => {
    const { token } = await actingAs(services)
    const { client: open } = await services.clients.create({ name: 'app', public: true })
    const refused = async (params: Record<string, string | string[]>, headers = {}) => {
      const answer = await form(app, '/oauth/introspect', params, headers)
      t.notMatch(answer.body, 'active')
      t.equal(answer.headers['cache-control'], 'no-store')
      return [answer.statusCode, answer.json().error]
    }
    t.strictSame(await refused({ token }), [401, 'invalid_client'], 'no client')
    t.strictSame(await refused({ token }, basic(gateway.client.id, 'wrong')), [401, 'invalid_client'], 'wrong secret')
    t.strictSame(await refused({ token, client_id: gateway.client.id }), [401, 'invalid_client'], 'no secret')
    t.strictSame(await refused({ token, client_id: open.id }), [401, 'invalid_client'], 'a public client')
    t.strictSame(await refused({ token }, { authorization: `Bearer ${token}` }), [401, 'invalid_client'], 'a bearer')
    t.strictSame(await refused({}, gateway.headers), [400, 'invalid_request'], 'no token')
    t.strictSame(await refused({ token: '' }, gateway.headers), [400, 'invalid_request'], 'an empty one')
    t.strictSame(await refused({ token: [token, token] }, gateway.headers), [400, 'invalid_request'], 'two tokens')
    t.strictSame(await refused({ token: 'a\0b' }, gateway.headers), [400, 'invalid_request'], 'NUL')
    for (const method of ['GET', 'HEAD', 'PUT'] as const) {
      const answer = await app.inject({ method, url: `/oauth/introspect?token=${token}`, headers: gateway.headers })
      t.equal(answer.statusCode, 405, method)
      t.equal(answer.headers.allow, 'POST')
    }
    const gone = await asker(at, { audience: 'https://gone.example.com' })
    await services.clients.revoke(gone.client.id)
    t.equal((await gone.ask(token)).statusCode, 401, 'a revoked client')
  })

  t.test('a signed answer', async t => {
    const { token, id, user } = await actingAs(services, ['user:read'])
    const keys = createLocalJWKSet((await app.inject('/.well-known/jwks.json')).json())
    const read = async (text: string) => {
      const answer = await gateway.ask(text, { accept: SIGNED })
      t.match(answer.headers['content-type'], SIGNED)
      t.equal(answer.headers['cache-control'], 'no-store')
      const options = { issuer: ISSUER, audience: gateway.client.id, typ: 'token-introspection+jwt' }
      return (await jwtVerify(answer.body, keys, options)).payload
    }
    const payload = await read(token)
    t.match(payload.token_introspection, { active: true, jti: id, sub: user.id, username: user.email })
    t.strictSame(
      Object.keys(payload).sort(),
      ['aud', 'iat', 'iss', 'token_introspection'],
      'nothing of an access token',
    )
    t.strictSame((await read('garbage')).token_introspection, INACTIVE)

    const signed = await gateway.ask(token, { accept: SIGNED })
    const used = await app.inject({ url: '/api/user', headers: { authorization: `Bearer ${signed.body}` } })
    t.equal(used.statusCode, 401, 'and is no access token itself')

    const type = async (accept: string) =>
      String((await gateway.ask(token, { accept })).headers['content-type']).split(';')[0]
    t.equal(await type('*/*'), 'application/json')
    t.equal(await type(`application/json, ${SIGNED};q=0.5`), 'application/json')
    t.equal(await type(`${SIGNED};q=0`), 'application/json')
    t.equal(await type(`application/json;q=0.1, ${SIGNED.toUpperCase()};q=0.5`), 'application/json')
    t.equal(await type(`application/json;q=0.1, ${SIGNED};q=0.5`), SIGNED)
  })
})
