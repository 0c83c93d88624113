import t from 'tap'
import { Consent } from '../../src/grants/consent.entity.ts'
import { actingAs, testApp } from '../helpers/app.ts'
import { basic, form } from '../helpers/oauth.ts'

const callback = 'https://viewer.example.com/callback'

t.test('a user registers an app, changes it, rotates its secret and revokes it', async t => {
  const { app, services } = await testApp(t)
  const { headers, user } = await actingAs(services, ['clients:read', 'clients:write'])
  const stranger = await actingAs(services, ['clients:read', 'clients:write'])
  const payload = { name: 'Viewer', redirect_uris: [callback], scopes: ['orders:read'] }
  const made = await app.inject({ method: 'POST', url: '/api/clients', headers, payload })
  t.equal(made.statusCode, 201, made.body)
  const { client_secret, data } = made.json()
  t.match(data, { user_id: user.id, grant_types: ['authorization_code', 'refresh_token'], scopes: ['orders:read'] })
  t.type(client_secret, 'string')

  const list = await app.inject({ url: '/api/clients', headers })
  t.match(list.json().data, [{ id: data.id }])
  const operator = await actingAs(services, ['admin:read'], { role: 'admin' })
  const shown = [
    list,
    await app.inject({ url: `/api/clients/${data.id}`, headers }),
    await app.inject({ url: '/admin/clients', headers: operator.headers }),
    await app.inject({ url: `/admin/clients/${data.id}`, headers: operator.headers }),
    await app.inject({ method: 'PATCH', url: `/api/clients/${data.id}`, headers, payload: { name: 'Viewer' } }),
  ]
  for (const { statusCode, body } of shown) {
    t.equal(statusCode, 200)
    t.match(body, data.id)
    t.notMatch(body, client_secret, 'a secret is shown once')
    t.notMatch(body, 'hash')
  }
  t.same((await app.inject({ url: '/api/clients', headers: stranger.headers })).json().data, [])
  for (const [method, path] of [
    ['GET', ''],
    ['PATCH', ''],
    ['POST', '/secret'],
    ['DELETE', ''],
  ] as const) {
    const foreign = { method, url: `/api/clients/${data.id}${path}`, headers: stranger.headers }
    const body = method === 'PATCH' ? { payload: { name: 'mine now' } } : {}
    t.equal((await app.inject({ ...foreign, ...body })).statusCode, 404, `${method} ${path}`)
  }

  const change = { name: 'Viewer 2', scopes: ['orders:read', 'reports'] }
  const changed = await app.inject({ method: 'PATCH', url: `/api/clients/${data.id}`, headers, payload: change })
  t.match(changed.json(), { data: change })
  const rotated = await app.inject({
    method: 'POST',
    url: `/api/clients/${data.id}/secret`,
    headers,
    payload: { overlap: 60 },
  })
  t.equal(rotated.statusCode, 201, rotated.body)
  t.not(rotated.json().client_secret, client_secret)
  t.equal(rotated.json().data.secrets.length, 2, 'both live')
  for (const secret of [client_secret, rotated.json().client_secret]) {
    const known = await form(app, '/oauth/token', { grant_type: 'client_credentials' }, basic(data.id, secret))
    t.match(known.json(), { error: 'unauthorized_client' }, 'proved who it is, and may not')
  }
  t.equal((await app.inject({ method: 'DELETE', url: `/api/clients/${data.id}`, headers })).statusCode, 204)
  const dead = await form(app, '/oauth/token', { grant_type: 'client_credentials' }, basic(data.id, client_secret))
  t.equal(dead.statusCode, 401)
})

t.test('what only an operator may say of a client', async t => {
  const { app, services } = await testApp(t)
  const { headers } = await actingAs(services, ['clients:write'])
  const post = (payload: object) => app.inject({ method: 'POST', url: '/api/clients', headers, payload })
  for (const [what, payload] of Object.entries({
    'a machine': { name: 'x', grant_types: ['client_credentials'] },
    administration: { name: 'x', redirect_uris: [callback], scopes: ['admin:read'] },
    'a resource server': { name: 'x', redirect_uris: [callback], audience: 'https://api.example.com' },
    'an exchange': { name: 'x', redirect_uris: [callback], exchange_audiences: ['https://api.example.com'] },
    'a resource': { name: 'x', redirect_uris: [callback], resources: ['https://api.example.com'] },
    'a lifetime': { name: 'x', redirect_uris: [callback], access_token_lifetime: 1e9 },
    'an owner': { name: 'x', redirect_uris: [callback], user_id: '01939f4e-8a4c-7b60-b5a4-6f6d5c3f2a10' },
    'a dangerous redirect': { name: 'x', redirect_uris: ['javascript:alert(1)'] },
    'a redirect that says the answer': { name: 'x', redirect_uris: [`${callback}?code=1`] },
    'a redirect that shows data': { name: 'x', redirect_uris: ['data:text/html,x'] },
  })) {
    const refused = await post(payload)
    t.equal(refused.statusCode, 422, `${what}: ${refused.body}`)
  }
  const admin = await actingAs(services, ['admin:read', 'admin:write'], { role: 'admin' })
  const payload = {
    name: 'Orders API',
    audience: 'https://api.example.com',
    scopes: ['admin:read'],
    access_token_lifetime: 600,
  }
  const made = await app.inject({ method: 'POST', url: '/admin/clients', headers: admin.headers, payload })
  t.equal(made.statusCode, 201, made.body)
  const { client_secret, data } = made.json()
  const got = await form(
    app,
    '/oauth/token',
    { grant_type: 'client_credentials', scope: 'admin:read' },
    basic(data.id, client_secret),
  )
  t.match(got.json(), { expires_in: 600, scope: 'admin:read' })
  const trail = await app.inject({
    url: `/admin/audit?client_id=${data.id}&kind=client.created`,
    headers: admin.headers,
  })
  t.match(trail.json().data, [{ actor_user_id: admin.user.id }])
  t.notMatch(trail.body, client_secret)
})

t.test('an app that was let in is listed, and withdrawn with its tokens', async t => {
  const { app, services } = await testApp(t)
  const { headers, user } = await actingAs(services, ['clients:read', 'clients:write'])
  const { client } = await services.clients.create({ name: 'Viewer', redirectUris: [callback] })
  const now = new Date()
  await services.db.run(em =>
    em.insert(Consent, {
      id: crypto.randomUUID(),
      user: user.id,
      client: client.id,
      scopes: ['orders:read'],
      createdAt: now,
      updatedAt: now,
    }),
  )
  const list = await app.inject({ url: '/api/authorizations', headers })
  t.match(list.json().data, [
    { client: { id: client.id, name: 'Viewer' }, scopes: ['orders:read'], last_used_at: null },
  ])
  const url = `/api/authorizations/${client.id}`
  t.equal((await app.inject({ method: 'DELETE', url, headers })).statusCode, 204)
  t.equal((await app.inject({ method: 'DELETE', url, headers })).statusCode, 404)
  t.same((await app.inject({ url: '/api/authorizations', headers })).json().data, [])
})

t.test('a list is searched, sorted, and comes in pages of that order', async t => {
  const { app, services } = await testApp(t)
  const { headers, user } = await actingAs(services, ['clients:read'])
  const operator = await actingAs(services, ['admin:read'], { role: 'admin' })
  const redirectUris = [callback]
  for (const name of ['beta', 'Alpha', 'gamma 100%'])
    await services.clients.create({ name, userId: user.id, redirectUris })
  const audience = 'https://orders.example.com'
  const { client: api } = await services.clients.create({ name: 'alphabet', audience })
  const get = async (url: string, by: object = headers) => (await app.inject({ url, headers: by as never })).json()
  const names = ({ data }: { data: { name: string }[] }) => data.map(({ name }) => name)
  t.strictSame(names(await get('/api/clients')), ['beta', 'Alpha', 'gamma 100%'])
  t.strictSame(names(await get('/api/clients?sort=-created_at')), ['gamma 100%', 'Alpha', 'beta'])
  t.strictSame(names(await get('/api/clients?sort=name')), ['Alpha', 'beta', 'gamma 100%'])
  t.strictSame(names(await get('/api/clients?search=ALPHA')), ['Alpha'], 'and nothing of others')
  t.strictSame(
    names(await get('/api/clients?search=%25')),
    ['gamma 100%'],
    'a sign that means something to the database',
  )
  t.strictSame(names(await get('/admin/clients?search=alpha&sort=-name', operator.headers)), ['alphabet', 'Alpha'])
  for (const search of [audience, api.id]) {
    t.strictSame(names(await get(`/admin/clients?search=${encodeURIComponent(search)}`, operator.headers)), [
      'alphabet',
    ])
  }
  t.strictSame(names(await get('/admin/clients?search=viewer.example&sort=name', operator.headers)), [
    'Alpha',
    'beta',
    'gamma 100%',
  ])
  const seen: string[] = []
  let cursor: string | null = ''
  while (cursor !== null) {
    const page = await get(`/api/clients?sort=-name&limit=1${cursor && `&cursor=${cursor}`}`)
    seen.push(...names(page))
    cursor = page.meta.next_cursor
  }
  t.strictSame(seen, ['gamma 100%', 'beta', 'Alpha'])
  const other = await services.clients.create({ name: 'b', userId: operator.user.id, redirectUris })
  const foreign = Buffer.from(other.client.id.replaceAll('-', ''), 'hex').toString('base64url')
  for (const sort of ['name', '-name'])
    t.strictSame(
      names(await get(`/api/clients?sort=${sort}&cursor=${foreign}`)),
      [],
      'a cursor tells nothing of others',
    )
  t.strictSame(names(await get(`/admin/clients?search=alpha&sort=-name&cursor=${foreign}`, operator.headers)), [
    'alphabet',
    'Alpha',
  ])
  for (const query of ['sort=expires_at', 'search=', 'q=x'])
    t.equal((await get(`/api/clients?${query}`)).status, 422, query)
})
