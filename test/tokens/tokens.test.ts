import { decodeJwt, decodeProtectedHeader } from 'jose'
import t from 'tap'
import { actingAs, ISSUER, newUser, PASSWORD, testApp } from '../helpers/app.ts'
import { bearer, requester } from '../helpers/requester.ts'

const { app, services } = await testApp(t)
const YEAR = 365 * 86_400
const signIn = async (extra: object = {}, role: 'user' | 'admin' = 'user') => {
  const { email } = await newUser(services, role)
  return requester(app).post('/api/tokens', { email, password: PASSWORD, device_name: 'laptop', ...extra })
}
/** How long a token lives, to the second: it ends on a whole one. */
const lifetime = ({ data }: { data: { created_at: string; expires_at: string } }) =>
  Math.ceil((Date.parse(data.expires_at) - Date.parse(data.created_at)) / 1000)
const inSeconds = (seconds: number) => new Date(Date.now() + seconds * 1000).toISOString()

t.test('what nobody chose has a default: scopes of the catalogue, one year, a JWT', async t => {
  const { token, data, user } = (await signIn()).json()
  t.strictSame(data.scopes, ['orders:read', 'tokens:rotate'])
  t.equal(data.format, 'jwt')
  t.ok(Math.abs(lifetime({ data }) - YEAR) <= 5)
  t.match(data, { name: 'laptop', revoked: false, suspended: false, last_used_at: null })
  t.match(user, { name: 'Ada Lovelace', role: 'user' })
  t.notMatch(JSON.stringify([data, user]), token)
})

t.test('a JWT says what RFC 9068 asks for and nothing about the person', async t => {
  const { token, data, user } = (await signIn({ scopes: ['orders:create', 'orders:read'] })).json()
  t.match(decodeProtectedHeader(token), { alg: 'ES256', typ: 'at+jwt', kid: (await services.keys.jwks()).keys[0]?.kid })
  const { status, ...claims } = decodeJwt(token)
  t.match(status, { status_list: { idx: Number, uri: `${ISSUER}/oauth/status-lists/` } })
  t.strictSame(claims, {
    iss: ISSUER,
    aud: ISSUER,
    sub: user.id,
    client_id: data.client_id,
    iat: Math.floor(Date.parse(data.created_at) / 1000),
    exp: Date.parse(data.expires_at) / 1000,
    jti: data.id,
    scope: 'orders:read orders:create',
  })
})

t.test('an opaque token is a prefix, forty random characters and their check', async t => {
  const { token, data } = (await signIn({ format: 'opaque' })).json()
  t.match(token, /^post_[0-9A-Za-z]{46}$/)
  t.equal(data.format, 'opaque')
  t.equal((await requester(app, bearer(token)).get('/api/tokens/current')).json().data.id, data.id)
  const last = token.at(-1) === 'a' ? 'b' : 'a'
  t.equal((await requester(app, bearer(token.slice(0, -1) + last)).get('/api/tokens/current')).statusCode, 401)
})

t.test('scopes come in the order of the catalogue, each once, and none when none are asked for', async t => {
  t.strictSame((await signIn({ scopes: ['reports', 'orders:read', 'reports'] })).json().data.scopes, [
    'orders:read',
    'reports',
  ])
  const { token, data } = (await signIn({ scopes: [] })).json()
  t.strictSame(data.scopes, [])
  t.equal((await requester(app, bearer(token)).get('/api/tokens')).statusCode, 403)
})

t.test('an unknown scope is refused by name, beside those that there are', async t => {
  const answer = await signIn({ scopes: ['orders:read', 'ordes:read'] })
  t.equal(answer.statusCode, 422)
  t.strictSame(answer.json().errors[0].path, 'scopes/1')
  t.match(answer.json().errors[0].message, /"ordes:read"/)
  t.match(answer.json().errors[0].message, /orders:read, orders:create/)
})

t.test('* opens everything but the administration', async t => {
  const { token, data } = (await signIn({ scopes: ['*'] }, 'admin')).json()
  t.strictSame(data.scopes, ['*'])
  const me = requester(app, bearer(token))
  t.equal((await me.get('/api/tokens')).statusCode, 200)
  const admin = await me.post('/api/tokens', { name: 'x', scopes: ['admin:read'] })
  t.equal(admin.statusCode, 403)
  t.match(admin.json(), { missing: ['admin:read'] })
})

t.test('the scopes of administrators are theirs alone, and only while they are', async t => {
  const refused = await signIn({ scopes: ['admin:read'] })
  t.equal(refused.statusCode, 422)
  t.match(refused.json().errors[0], { path: 'scopes', message: /admin:read: only administrators/ })
  t.strictSame((await signIn({ scopes: ['admin:write'] }, 'admin')).json().data.scopes, ['admin:write'])
})

t.test('an expiry is chosen in seconds or as a time, up to the limit', async t => {
  t.ok(Math.abs(lifetime((await signIn({ expires_in: 3600 })).json()) - 3600) <= 5)
  const chosen = inSeconds(7200)
  const whole = `${chosen.slice(0, 19)}.000Z`
  t.equal((await signIn({ expires_at: chosen })).json().data.expires_at, whole)
  const inParis = `${inSeconds(7200 + 3600).slice(0, 17)}00+01:00`
  t.equal((await signIn({ expires_at: inParis })).json().data.expires_at, new Date(inParis).toISOString())
  const limit = services.config.tokenMaxLifetime
  t.equal((await signIn({ expires_in: limit - 60 })).statusCode, 201)
  const refused: object[] = [
    { expires_in: 0 },
    { expires_in: -1 },
    { expires_in: 1.5 },
    { expires_in: '3600' },
    { expires_in: limit + 60 },
    { expires_at: inSeconds(-1) },
    { expires_at: inSeconds(limit + 60) },
    { expires_at: inSeconds(60), expires_in: 60 },
  ]
  for (const extra of refused) {
    const answer = await signIn(extra)
    t.equal(answer.statusCode, 422, JSON.stringify(extra))
    t.match(answer.json().errors[0].path, /^expires_/)
  }
})

t.test('a token is never expired when it is given out', async t => {
  // A JWT counts whole seconds: what is left of this one is rounded down.
  const { statusCode, body } = await signIn({
    expires_at: new Date(Math.ceil(Date.now() / 1000) * 1000 - 1).toISOString(),
  })
  t.equal(statusCode, 422, body)
})

t.test('name and device_name are the same thing, and one of them is needed', async t => {
  t.equal((await signIn({ device_name: undefined, name: 'phone' })).json().data.name, 'phone')
  t.equal((await signIn({ name: 'laptop' })).statusCode, 201)
  t.match((await signIn({ name: 'phone' })).json().errors[0], { path: 'device_name' })
  t.match((await signIn({ device_name: undefined })).json().errors[0], { path: 'name', message: 'is required' })
  t.equal((await signIn({ device_name: '  ' })).statusCode, 422)
  t.equal((await signIn({ device_name: 'x'.repeat(256) })).statusCode, 422)
  t.equal((await signIn({ device_name: 'x'.repeat(255) })).statusCode, 201)
})

t.test('every call adds a token, equal names too', async t => {
  const me = await actingAs(services, ['tokens:read', 'tokens:write'])
  const api = requester(app, me.headers)
  await api.post('/api/tokens', { name: 'ci' })
  await api.post('/api/tokens', { name: 'ci' })
  const { data } = (await api.get('/api/tokens')).json()
  t.equal(data.filter((token: { name: string }) => token.name === 'ci').length, 2)
})

t.test('what only the server decides cannot be sent along', async t => {
  for (const field of ['user_id', 'client_id', 'revoked', 'id', 'created_at', 'hash', 'last_used_at']) {
    t.match((await signIn({ [field]: 'x' })).json().errors[0], { path: field, message: 'is not known' })
  }
})
