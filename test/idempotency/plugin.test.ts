import { randomBytes } from 'node:crypto'
import t from 'tap'
import { createStoredResponses } from '../../src/idempotency/store.ts'
import { ONLY_SHARED } from '../cluster/nodes.ts'
import { actingAs, newUser, PASSWORD, testApp } from '../helpers/app.ts'
import { testNodes } from '../helpers/nodes.ts'
import { type Requester, requester } from '../helpers/requester.ts'

const { app, services } = await testApp(t)

const post = (headers: Record<string, string>, url: string, payload: unknown, key?: string) =>
  app.inject({
    method: 'POST',
    url,
    headers: { ...headers, ...(key !== undefined && { 'idempotency-key': key }) },
    payload: payload as object,
  })

async function count(me: Requester): Promise<number> {
  return (await me.get('/api/tokens?limit=100')).json().data.length
}

t.test('the same request with the same key has one effect and one response', async t => {
  const { headers } = await actingAs(services, ['tokens:write', 'tokens:read'])
  const me = requester(app, headers)
  const body = { name: 'deploy', scopes: ['tokens:read'], format: 'opaque' }
  const first = await post(headers, '/api/tokens', body, 'a-key')
  t.equal(first.statusCode, 201)
  t.notOk('idempotency-replayed' in first.headers)
  const again = await post(
    headers,
    '/api/tokens',
    { format: 'opaque', scopes: ['tokens:read'], name: 'deploy' },
    'a-key',
  )
  t.equal(again.statusCode, 201)
  t.equal(again.body, first.body, 'the same plain text too')
  t.equal(again.headers['idempotency-replayed'], 'true')
  t.equal(again.headers['content-type'], first.headers['content-type'])
  t.equal(again.headers['cache-control'], 'no-store')
  t.equal(await count(me), 2)
  t.equal((await post(headers, '/api/tokens', body)).statusCode, 201, 'without a key each request counts')
  t.equal(await count(me), 3)
})

t.test('another body is a conflict, and another route or caller another key', async t => {
  const { user, headers } = await actingAs(services, ['tokens:write', 'clients:write'])
  const key = 'b-key'
  t.equal((await post(headers, '/api/tokens', { name: 'one' }, key)).statusCode, 201)
  const other = await post(headers, '/api/tokens', { name: 'two' }, key)
  t.match([other.statusCode, other.json().detail], [409, /another body/])
  const client = { name: 'app', redirect_uris: ['https://app.example.com/cb'] }
  t.equal((await post(headers, '/api/clients', client, key)).statusCode, 201)
  const weaker = await actingAs(services, ['tokens:write'], { user })
  const fresh = await post(weaker.headers, '/api/tokens', { name: 'one' }, key)
  t.notOk('idempotency-replayed' in fresh.headers, 'another token of the same user may have fewer scopes')
})

t.test('what failed is tried again', async t => {
  const { headers } = await actingAs(services, ['tokens:write'])
  const refused = await post(headers, '/api/tokens', { name: 'x', scopes: ['nothing'] }, 'c-key')
  t.equal(refused.statusCode, 422)
  const good = await post(headers, '/api/tokens', { name: 'x', scopes: [] }, 'c-key')
  t.equal(good.statusCode, 201, 'nothing was done, so the key is free')
})

t.test('with an e-mail address and a password', async t => {
  const { email } = await newUser(services)
  const body = { email, password: PASSWORD, name: 'laptop' }
  const first = await post({}, '/api/tokens', body, 'd-key')
  t.equal(first.statusCode, 201)
  t.equal((await post({}, '/api/tokens', body, 'd-key')).body, first.body)
  const guess = await post({}, '/api/tokens', { ...body, password: 'a wrong password' }, 'd-key')
  t.equal(guess.statusCode, 401, 'the response is for whoever has the password')
  const other = await post({}, '/api/tokens', { ...body, name: 'desktop' }, 'd-key')
  t.equal(other.statusCode, 409)
})

t.test('a revoked token gets no stored response', async t => {
  const { headers } = await actingAs(services, ['tokens:write'])
  t.equal((await post(headers, '/api/tokens', { name: 'x' }, 'e-key')).statusCode, 201)
  await requester(app, headers).delete('/api/tokens/current')
  t.equal((await post(headers, '/api/tokens', { name: 'x' }, 'e-key')).statusCode, 401)
})

t.test('what is no key', async t => {
  const { headers } = await actingAs(services, ['tokens:write'])
  for (const key of ['', 'two words', 'x'.repeat(256)]) {
    const refused = await post(headers, '/api/tokens', { name: 'x' }, key)
    t.match([refused.statusCode, refused.json().errors], [422, [{ path: 'Idempotency-Key' }]], key)
  }
})

t.test('every route that creates something takes a key', async t => {
  const { headers } = await actingAs(services, ['admin:read', 'admin:write', '*'], {
    user: await newUser(services, 'admin'),
  })
  const create = async (url: string, payload: object) => {
    const first = await post(headers, url, payload, 'f-key')
    t.equal(first.statusCode, 201, `${url}: ${first.body}`)
    const again = await post(headers, url, payload, 'f-key')
    t.equal(again.body, first.body, url)
    t.equal(again.headers.location, first.headers.location, url)
    return first.json()
  }
  const { data: user } = await create('/admin/users', { name: 'Bea', email: 'bea@example.com', password: PASSWORD })
  await create(`/admin/users/${user.id}/tokens`, { name: 'deploy' })
  const client = await create('/admin/clients', { name: 'Nightly', grant_types: ['client_credentials'] })
  const url = `/admin/clients/${client.data.id}/secret`
  const rotated = await post(headers, url, {}, 'g-key')
  t.equal((await post(headers, url, {}, 'g-key')).body, rotated.body)
})

t.test('the database alone does not give a stored response away', async t => {
  const { headers } = await actingAs(services, ['tokens:write'])
  const { token } = (await post(headers, '/api/tokens', { name: 'x', format: 'opaque' }, 'h-key')).json()
  const rows = await services.db.query<{ response: string }>('select response from idempotency_keys')
  t.ok(rows.length > 0)
  for (const { response } of rows) {
    t.notMatch(response, token)
    t.notMatch(Buffer.from(response, 'base64').toString('latin1'), 'plain')
    t.match(response, /^[\w-]+\.\.[\w-]+\.[\w-]+\.[\w-]+$/, 'encrypted')
  }
})

t.test('after a day the key is free, and after a crash once its time is over', async t => {
  const { headers } = await actingAs(services, ['tokens:write'])
  const body = { name: 'x' }
  const first = await post(headers, '/api/tokens', body, 'i-key')
  await services.db.query("update idempotency_keys set expires_at = now() - interval '1 second'")
  t.not((await post(headers, '/api/tokens', body, 'i-key')).body, first.body)
  await services.db.query("update idempotency_keys set response = null, locked_until = now() + interval '1 minute'")
  const running = await post(headers, '/api/tokens', body, 'i-key')
  t.match([running.statusCode, running.headers['retry-after']], [409, '1'], 'nobody knows yet what became of it')
  await services.db.query("update idempotency_keys set locked_until = now() - interval '1 second'")
  t.equal((await post(headers, '/api/tokens', body, 'i-key')).statusCode, 201)
})

t.test('a request that took too long gives back nothing that another one has taken over', async t => {
  const stored = createStoredResponses(services.db)
  const [hash, body] = [randomBytes(32), randomBytes(32)]
  const claim = async () => (await stored.claim(hash, body)) as { state: string; lock: string }
  const slow = await claim()
  await services.db.query("update idempotency_keys set locked_until = now() - interval '1 second'")
  const next = await claim()
  t.match([slow.state, next.state], ['first', 'first'])
  await stored.release(hash, slow.lock)
  await stored.complete(hash, slow.lock, 'of the slow one')
  t.match(await claim(), { state: 'running' })
  await stored.complete(hash, next.lock, 'of the next one')
  t.match(await claim(), { state: 'done', response: 'of the next one' })
})

t.test('of twenty at once on two nodes one has an effect', ONLY_SHARED, async t => {
  const nodes = await testNodes(t)
  const { headers } = await actingAs(nodes[0].services, ['tokens:write', 'tokens:read'])
  const responses = await Promise.all(
    Array.from({ length: 20 }, (_, n) =>
      (nodes[n % 2] as (typeof nodes)[0]).app.inject({
        method: 'POST',
        url: '/api/tokens',
        headers: { ...headers, 'idempotency-key': 'j-key' },
        payload: { name: 'x' },
      }),
    ),
  )
  const issued = responses.filter(({ statusCode }) => statusCode === 201)
  t.equal(new Set(issued.map(({ body }) => body)).size, 1)
  t.ok(responses.every(({ statusCode }) => statusCode === 201 || statusCode === 409))
  t.equal(await count(requester(nodes[0].app, headers)), 2)
})
