import { once } from 'node:events'
import { request } from 'node:http'
import t from 'tap'
import { createTestIssuer } from '../../../packages/guard/src/testing/index.ts'
import { bearer } from '../../helpers/requester.ts'
import { launchSidecar, until } from '../../helpers/sidecar.ts'

const issuer = await createTestIssuer()
t.teardown(() => issuer.close())
const { url } = await launchSidecar(t, issuer.guard)
const ada = await issuer.token({ user: 'ada', client: 'shop', scopes: ['orders:read', 'orders:create'] })
const check = (query: string, headers: Record<string, string> = {}, init: RequestInit = {}) =>
  fetch(`${url}/check${query}`, { ...init, headers })

t.test('a valid token passes, and the response says whose it is', async t => {
  const good = await check('?scopes=orders:read,orders:create', bearer(ada))
  t.equal(good.status, 200)
  t.equal(await good.text(), '')
  const { headers } = good
  t.equal(headers.get('x-auth-user'), 'ada')
  t.equal(headers.get('x-auth-client'), 'shop')
  t.equal(headers.get('x-auth-scopes'), 'orders:read orders:create')
  const [, payload = ''] = ada.split('.')
  t.equal(headers.get('x-auth-token-id'), JSON.parse(Buffer.from(payload, 'base64url').toString()).jti)
  t.equal(headers.get('cache-control'), 'no-store')
})

t.test('a machine has no user, and its header is there all the same', async t => {
  const { headers } = await check('?token=any', bearer(await issuer.token({ client: 'cron' })))
  t.equal(headers.get('x-auth-user'), '')
  t.equal(headers.get('x-auth-client'), 'cron')
  t.equal(headers.get('x-auth-scopes'), '')
})

t.test('all of the scopes, one of them, or any token', async t => {
  const status = async (query: string) => (await check(query, bearer(ada))).status
  t.equal(await status('?scopes=orders:read,reports'), 403)
  t.equal(await status('?scopes=orders:read,reports&any=1'), 200)
  t.equal(await status('?any=1&scopes=reports,orders:read'), 200, 'in any order')
  t.equal(await status('?scopes=reports&any=1'), 403)
  t.equal(await status('?token=any'), 200)
  t.equal(await status('?scopes=orders%3Aread'), 200, 'escaped')
})

t.test('without a token the response has the challenge and a problem', async t => {
  for (const headers of [{}, { authorization: 'Bearer' }, { authorization: 'Basic YTpi' }] as Record<
    string,
    string
  >[]) {
    const none = await check('?scopes=orders:read', headers)
    t.equal(none.status, 401)
    t.match(none.headers.get('www-authenticate'), /^Bearer realm="postern"/)
    t.equal(none.headers.get('content-type'), 'application/problem+json')
    t.match(await none.json(), { type: 'urn:postern:error:unauthenticated', status: 401 })
  }
})

t.test('without the scope the response names the scopes that are needed', async t => {
  const lacking = await check('?scopes=orders:read,reports', bearer(ada))
  t.equal(lacking.status, 403)
  t.match(lacking.headers.get('www-authenticate'), /error="insufficient_scope"/)
  t.match(lacking.headers.get('www-authenticate'), /scope="orders:read reports"/)
  t.match(await lacking.json(), { type: 'urn:postern:error:insufficient_scope', missing: ['reports'] })
})

t.test('a token that is malformed, expired, altered or meant for another API is refused', async t => {
  const others = [
    'nothing',
    'a.b.c',
    ada.slice(0, -2),
    await issuer.token({ scopes: ['orders:read'], expiresInSeconds: -1 }),
    await issuer.token({ scopes: ['orders:read'], audience: 'https://stock.example.com' }),
  ]
  for (const text of others) {
    const refused = await check('?scopes=orders:read', bearer(text))
    t.equal(refused.status, 401)
    t.match(refused.headers.get('www-authenticate'), /error="invalid_token"/)
  }
})

t.test('a revoked token is refused', async t => {
  const text = await issuer.token({ scopes: ['orders:read'] })
  t.equal((await check('?scopes=orders:read', bearer(text))).status, 200)
  issuer.revoke(text)
  const refused = await until(
    () => check('?scopes=orders:read', bearer(text)),
    ({ status }) => status !== 200,
  )
  t.equal(refused.status, 401)
  t.match(refused.headers.get('www-authenticate'), /revoked/)
})

t.test('the method of the request makes no difference, and HEAD has no body', async t => {
  for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
    const good = await check('?scopes=orders:read', bearer(ada), { method })
    t.equal(good.status, 200, method)
    const refused = await check('?scopes=orders:read', {}, { method })
    t.equal(refused.status, 401, method)
    t.equal((await refused.text()) === '', method === 'HEAD')
  }
})

t.test('two Authorization headers are not one token', async t => {
  const other = await issuer.token({ scopes: ['orders:read'] })
  // `fetch` would send them as one.
  for (const texts of [
    [ada, other],
    [other, ada],
  ]) {
    const authorization = texts.map(text => `Bearer ${text}`) as unknown as string
    const sent = request(`${url}/check?scopes=orders:read`, { headers: { authorization }, agent: false }).end()
    const [response] = await once(sent, 'response')
    response.resume()
    t.equal(response.statusCode, 401)
  }
})

t.test('/refusal sends the error of the check, and never accepts', async t => {
  const refusal = (query: string, headers: Record<string, string> = {}) => fetch(`${url}/refusal${query}`, { headers })
  t.equal((await refusal('?scopes=orders:read')).status, 401)
  const lacking = await refusal('?scopes=reports', bearer(ada))
  t.equal(lacking.status, 403)
  t.match(await lacking.json(), { missing: ['reports'] })
  t.equal((await refusal('?scope=orders:read', bearer(ada))).status, 500)
  const accepted = await refusal('?scopes=orders:read', bearer(ada))
  t.equal(accepted.status, 503, 'the token was accepted since')
  t.equal(accepted.headers.get('retry-after'), '1')
  t.equal(accepted.headers.get('x-auth-user'), null)
})
