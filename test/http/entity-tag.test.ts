import t from 'tap'
import { ONLY_SHARED } from '../cluster/nodes.ts'
import { actingAs, newUser, testApp } from '../helpers/app.ts'
import { testNodes } from '../helpers/nodes.ts'
import { operationsOf } from '../helpers/operations.ts'
import { newServiceAccount } from '../helpers/service-accounts.ts'

const { app, services } = await testApp(t)
const admin = await actingAs(services, ['*', 'admin:read', 'admin:write'], { user: await newUser(services, 'admin') })

const send = (method: 'GET' | 'PATCH' | 'PUT', url: string, payload?: object, tag?: string) =>
  app.inject({
    method,
    url,
    headers: { ...admin.headers, ...(tag !== undefined && { 'if-match': tag }) },
    ...(payload && { payload }),
  })

async function created(url: string, payload: object): Promise<string> {
  const response = await app.inject({ method: 'POST', url, headers: admin.headers, payload })
  return response.json().data.id
}

const trust = {
  name: 'shop',
  issuer: 'https://token.example.com',
  jwks_uri: 'https://token.example.com/keys',
  match: { repository: 'acme/shop' },
  scopes: ['orders:read'],
}

t.test('of two who read the same, the second does not undo what the first changed', async t => {
  const app1 = { name: 'app', redirect_uris: ['https://app.example.com/cb'] }
  const user = await newUser(services)
  const { account } = await newServiceAccount(services, admin.user)
  const accountToken = await created(`/admin/service-accounts/${account.id}/tokens`, { name: 'deploy', scopes: [] })
  const paths: Record<string, string> = {
    '/api/tokens/{id}': `/api/tokens/${await created('/api/tokens', { name: 'deploy' })}`,
    '/api/service-accounts/{id}/tokens/{token_id}': `/api/service-accounts/${account.id}/tokens/${accountToken}`,
    '/api/clients/{id}': `/api/clients/${await created('/api/clients', app1)}`,
    '/admin/clients/{id}': `/admin/clients/${await created('/admin/clients', app1)}`,
    '/admin/users/{id}': `/admin/users/${user.id}`,
    '/admin/service-accounts/{id}': `/admin/service-accounts/${account.id}`,
    '/admin/service-accounts/{id}/tokens/{token_id}': `/admin/service-accounts/${account.id}/tokens/${accountToken}`,
    '/admin/trusts/{id}': `/admin/trusts/${await created('/admin/trusts', { ...trust, user_id: user.id })}`,
  }
  const documented = (await operationsOf(app)).filter(({ method }) => method === 'PATCH').map(({ path }) => path)
  t.strictSame(documented.toSorted(), Object.keys(paths).toSorted(), 'every PATCH of the document is tried')
  for (const path of Object.values(paths)) {
    const { etag } = (await send('GET', path)).headers
    t.match(etag, /^"[\w-]{22}"$/, path)
    t.equal((await send('GET', path)).headers.etag, etag, 'it stays while nothing changes')
    const first = await send('PATCH', path, { name: 'first' }, etag)
    t.equal(first.statusCode, 200, first.body)
    const second = await send('PATCH', path, { name: 'second' }, etag)
    t.match([second.statusCode, second.json().type], [412, 'urn:postern:error:precondition_failed'], path)
    t.equal((await send('GET', path)).json().data.name, 'first')
    t.equal((await send('PATCH', path, { name: 'third' }, first.headers.etag?.toString())).statusCode, 200)
    t.equal((await send('PATCH', path, { name: 'fourth' })).statusCode, 200, 'without the header, the last one counts')
  }
})

t.test('your own name', async t => {
  const { etag } = (await send('GET', '/api/user')).headers
  t.equal((await send('PUT', '/api/user', { name: 'Ada' }, etag)).statusCode, 200)
  t.equal((await send('PUT', '/api/user', { name: 'Bea' }, etag)).statusCode, 412)
})

t.test('the forms of If-Match', async t => {
  const path = `/api/tokens/${await created('/api/tokens', { name: 'forms' })}`
  const tag = async () => (await send('GET', path)).headers.etag as string
  for (const form of [async () => '*', async () => ' * ', tag]) {
    const header = await form()
    t.equal((await send('PATCH', path, { name: 'a' }, header)).statusCode, 200, header)
  }
  t.equal((await send('PATCH', path, { name: 'b' }, `"other", ${await tag()}`)).statusCode, 200)
  for (const form of ['"other"', `W/${await tag()}`, (await tag()).slice(1, -1), '', ','])
    t.equal((await send('PATCH', path, { name: 'c' }, form)).statusCode, 412, form)
})

t.test('being used does not change a token', async t => {
  const other = await actingAs(services, ['tokens:read'], { user: admin.user })
  const path = `/api/tokens/${other.id}`
  const { etag } = (await send('GET', path)).headers
  await app.inject({ url: '/api/tokens', headers: other.headers })
  const after = await send('GET', path)
  t.ok(after.json().data.last_used_at)
  t.equal(after.headers.etag, etag)
})

t.test('of ten at once on two nodes one changes it', ONLY_SHARED, async t => {
  const nodes = await testNodes(t)
  const { id, headers } = await actingAs(nodes[0].services, ['tokens:write', 'tokens:read'])
  const { etag } = (await nodes[0].app.inject({ url: `/api/tokens/${id}`, headers })).headers
  const responses = await Promise.all(
    Array.from({ length: 10 }, (_, n) =>
      (nodes[n % 2] as (typeof nodes)[0]).app.inject({
        method: 'PATCH',
        url: `/api/tokens/${id}`,
        headers: { ...headers, 'if-match': etag as string },
        payload: { name: `number ${n}` },
      }),
    ),
  )
  const statuses = responses.map(({ statusCode }) => statusCode)
  t.same(statuses.toSorted(), [200, ...Array(9).fill(412)])
})
