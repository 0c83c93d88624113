import { decodeJwt, decodeProtectedHeader } from 'jose'
import t from 'tap'
import { unavailable } from '../../src/errors/errors.ts'
import { ISSUER, testApp } from '../helpers/app.ts'
import { basic, form } from '../helpers/oauth.ts'
import { bearer } from '../helpers/requester.ts'

const FORM = 'application/x-www-form-urlencoded'

t.test('the token endpoint', async t => {
  const { app, services } = await testApp(t)
  const { client, secret } = await services.clients.create({ name: 'nightly', scopes: ['orders:read', 'reports'] })
  const headers = basic(client.id, secret)
  const ask = (params: Record<string, string | string[] | undefined>) => form(app, '/oauth/token', params, headers)
  const machine = (params: Record<string, string | string[] | undefined> = {}) =>
    ask({ grant_type: 'client_credentials', ...params })
  const send = (payload: string | Buffer, type: string | undefined = FORM, url = '/oauth/token') =>
    app.inject({ method: 'POST', url, headers: { ...headers, ...(type && { 'content-type': type }) }, payload })
  const refusal = async (answer: ReturnType<typeof send>) => {
    const { statusCode, headers: got, body } = await answer
    t.equal(got['cache-control'], 'no-store')
    t.match(got['content-type'], 'application/json')
    const { error, error_description: words } = JSON.parse(body)
    t.match(words, /^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/)
    return [statusCode, error]
  }

  t.test('a machine gets a token', async t => {
    const got = await machine()
    t.equal(got.statusCode, 200, got.body)
    t.equal(got.headers['cache-control'], 'no-store')
    t.equal(got.headers.pragma, 'no-cache')
    const { access_token: token, ...rest } = got.json()
    t.strictSame(rest, { token_type: 'Bearer', expires_in: 3600, scope: 'orders:read' }, 'and no refresh token')
    t.match(decodeProtectedHeader(token), { typ: 'at+jwt', alg: 'ES256', kid: String })
    const { iat, exp, ...claims } = decodeJwt(token) as { iat: number; exp: number }
    t.match(claims, {
      iss: ISSUER,
      aud: ISSUER,
      sub: client.id,
      client_id: client.id,
      scope: 'orders:read',
      jti: String,
    })
    t.equal(exp - iat, 3600)
    const current = await app.inject({ url: '/api/tokens/current', headers: bearer(token) })
    t.match(current.json(), { data: { client_id: client.id, name: null, scopes: ['orders:read'] } })
    t.equal((await app.inject({ url: '/api/user', headers: bearer(token) })).statusCode, 403, 'it is no user')
    const [issued] = await services.auditLog.list({ clientId: client.id, kind: 'token.issued' }, { limit: 1 })
    t.match(issued, {
      actorClientId: client.id,
      userId: null,
      address: '127.0.0.1',
      details: { scopes: ['orders:read'] },
    })
    t.notMatch(JSON.stringify(issued), token)
  })

  t.test('with the format and the lifetime of the client', async t => {
    const made = await services.clients.create({ name: 'short', tokenFormat: 'opaque', accessTokenLifetime: 90 })
    const params = { grant_type: 'client_credentials' }
    const got = (await form(app, '/oauth/token', params, basic(made.client.id, made.secret))).json()
    t.match(got, { expires_in: 90, access_token: /^post_[0-9A-Za-z]{46}$/ })
    t.equal((await app.inject({ url: '/api/tokens/current', headers: bearer(got.access_token) })).statusCode, 200)
  })

  t.test('scopes are limited to those of the client', async t => {
    const scope = async (wanted: string | undefined) => {
      const answer = await machine({ scope: wanted })
      return answer.json().scope ?? (await refusal(Promise.resolve(answer)))
    }
    t.equal(await scope('reports'), 'reports')
    t.equal(await scope('reports orders:read reports'), 'orders:read reports', 'each once, in catalogue order')
    t.equal(await scope(undefined), 'orders:read', 'the defaults')
    t.equal(await scope(''), 'orders:read', 'an empty value counts as absent')
    const bad = ['orders:create', 'reports:export', 'nothing', '*', 'admin:read', 'tokens:write', 'orders:read x']
    for (const wanted of [...bad, 'ORDERS:READ', 'orders:read,reports', '"', 'orders\u00e9', '__proto__'])
      t.strictSame(await scope(wanted), [400, 'invalid_scope'], wanted)
  })

  t.test('scopes of OpenID Connect are ignored, and the response lists the others', async t => {
    const scope = async (wanted: string) => (await machine({ scope: wanted })).json().scope
    t.equal(await scope('openid reports profile email address phone offline_access'), 'reports')
    t.equal(await scope('offline_access'), 'orders:read', 'as if none was requested')
    t.strictSame(await refusal(machine({ scope: 'OpenID' })), [400, 'invalid_scope'])
  })

  t.test('a resource becomes the audience', async t => {
    await services.clients.create({ name: 'Orders API', audience: 'https://api.example.com' })
    const refused = (await machine({ resource: 'https://api.example.com' })).json()
    t.match(refused, { error: 'invalid_target', error_description: /operator/ }, 'only what an operator allowed')
    await services.clients.update(client.id, { resources: ['HTTPS://api.example.com'] })
    const audience = async (resource: string) => {
      const answer = await machine({ resource })
      const token = answer.json().access_token
      return token ? decodeJwt(token).aud : refusal(Promise.resolve(answer))
    }
    t.equal(await audience('https://api.example.com'), 'https://api.example.com')
    t.equal(await audience(ISSUER), ISSUER)
    for (const resource of ['https://api.example.com/', 'HTTPS://API.example.com:443', 'https://api.example.com'])
      t.equal(await audience(resource), 'https://api.example.com', `${resource}: the registered form`)
    for (const resource of ['https://api.example.com/x', 'http://api.example.com', 'nothing', 'urn:x#y', 'https://a b'])
      t.strictSame(await audience(resource), [400, 'invalid_target'], resource)
  })

  t.test('missing, unknown and excess parameters', async t => {
    t.strictSame(await refusal(ask({})), [400, 'invalid_request'], 'no grant_type')
    t.strictSame(await refusal(ask({ grant_type: '' })), [400, 'invalid_request'], 'an empty one')
    for (const grant_type of ['nothing', 'password', 'implicit', 'constructor', '__proto__', 'CLIENT_CREDENTIALS'])
      t.strictSame(await refusal(ask({ grant_type })), [400, 'unsupported_grant_type'], grant_type)
    t.strictSame(await refusal(ask({ grant_type: 'refresh_token' })), [400, 'unauthorized_client'])
    const twice = { grant_type: ['client_credentials', 'client_credentials'] }
    t.strictSame(await refusal(ask(twice)), [400, 'invalid_request'], 'twice, even if alike')
    t.strictSame(await refusal(machine({ scope: ['reports', 'orders:read'] })), [400, 'invalid_request'])
    t.strictSame(await refusal(machine({ whatever: ['a', 'b'] })), [400, 'invalid_request'], 'also what nobody reads')
    t.equal((await machine({ whatever: 'x', __proto__x: 'y', audience: 'z' })).statusCode, 200, 'else that is ignored')
    t.equal((await send('__proto__=x&constructor=y&grant_type=client_credentials')).statusCode, 200)
    t.strictSame(await refusal(send('grant_type=client_credentials&grant%5Ftype=password')), [400, 'invalid_request'])
  })

  t.test('bodies that are not a form', async t => {
    const json = JSON.stringify({ grant_type: 'client_credentials' })
    for (const type of ['application/json', 'text/plain', 'multipart/form-data; boundary=x', 'nonsense']) {
      t.strictSame((await refusal(send(json, type)))[0], 415, type)
      const { headers, body } = await send(json, type)
      t.equal(headers.accept, FORM, type)
      t.match(body, `send the body as ${FORM}.`, type)
    }
    t.strictSame(await refusal(send('', FORM)), [400, 'invalid_request'], 'nothing')
    const none = app.inject({ method: 'POST', url: '/oauth/token', headers })
    t.strictSame(await refusal(none), [400, 'invalid_request'], 'no body')
    const inQuery = send('', FORM, '/oauth/token?grant_type=client_credentials')
    t.strictSame(await refusal(inQuery), [400, 'invalid_request'], 'what stands in the query counts for nothing')
    t.equal((await send('grant_type=client_credentials', `${FORM}; charset=UTF-8`)).statusCode, 200)
  })

  t.test('invalid text', async t => {
    const bad = {
      NUL: 'scope=a%00b',
      'NUL in a name': 'a%00b=c',
      UTF8: 'scope=%ff',
      half: 'scope=%c3',
      escape: 'scope=%zz',
    }
    for (const [name, text] of Object.entries(bad))
      t.strictSame(await refusal(send(`grant_type=client_credentials&${text}`)), [400, 'invalid_request'], name)
    const bytes = Buffer.concat([Buffer.from('grant_type=client_credentials&scope='), Buffer.from([0xff, 0xfe])])
    t.strictSame(await refusal(send(bytes)), [400, 'invalid_request'], 'raw bytes')
    const [status] = await refusal(send(`grant_type=client_credentials&scope=${'x'.repeat(1_000_000)}`))
    t.equal(status, 413)
    t.strictSame(await refusal(machine({ scope: 'x '.repeat(20_000) })), [400, 'invalid_scope'])
    const many = Array.from({ length: 5_000 }, (_, i) => `p${i}=1`).join('&')
    t.equal((await send(`grant_type=client_credentials&${many}`)).statusCode, 200)
  })

  t.test('other methods', async t => {
    for (const method of ['GET', 'PUT', 'PATCH', 'DELETE'] as const) {
      const answer = await app.inject({ method, url: '/oauth/token?grant_type=client_credentials', headers })
      t.strictSame([answer.statusCode, answer.headers.allow], [405, 'POST'], method)
      t.equal(answer.headers['cache-control'], 'no-store')
    }
    t.equal((await app.inject({ method: 'HEAD', url: '/oauth/token' })).statusCode, 405)
  })

  t.test('without a database: 503, and no token is returned that is not stored', async t => {
    const { run, query, call, transaction } = services.db
    const away = async () => {
      throw unavailable()
    }
    Object.assign(services.db, { run: away, query: away, call: away, transaction: away })
    const answer = await machine()
    Object.assign(services.db, { run, query, call, transaction })
    t.strictSame([answer.statusCode, answer.json().error], [503, 'temporarily_unavailable'])
    t.ok(answer.headers['retry-after'])
    t.equal((await machine()).statusCode, 200)
  })
})
