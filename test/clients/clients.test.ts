import t from 'tap'
import type { NewClient } from '../../src/clients/clients.ts'
import { newUser, testApp } from '../helpers/app.ts'
import { grantAccess, refresh } from '../helpers/granted-tokens.ts'
import { basic, form } from '../helpers/oauth.ts'
import { bearer } from '../helpers/requester.ts'

/** The error that the work is refused with; nothing when it was not. */
const refusal = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    error => error,
  )

const NOBODY = '01939f4e-8a4c-7b60-b5a4-6f6d5c3f2a12'

t.test('clients', async t => {
  const { app, services } = await testApp(t)
  const { clients } = services
  const ask = (id: string, secret?: string, more = {}) =>
    form(app, '/oauth/token', { grant_type: 'client_credentials', ...more }, basic(id, secret))
  const status = async (id: string, secret?: string) => (await ask(id, secret)).statusCode
  const kinds = async (clientId: string) =>
    (await services.auditLog.list({ clientId }, { limit: 20 }))
      .map(({ kind }) => kind)
      .filter(kind => /^client/.test(kind))

  t.test('two secrets live while one replaces the other', async t => {
    const { client, secret: first } = await clients.create({ name: 'nightly' })
    const { secret: second } = await clients.rotateSecret(client.id, { overlapSeconds: 3_600 })
    t.strictSame([await status(client.id, first), await status(client.id, second)], [200, 200])
    const { secret: third } = await clients.rotateSecret(client.id, { overlapSeconds: 3_600 })
    const all = [first, second, third]
    t.strictSame(await Promise.all(all.map(secret => status(client.id, secret))), [401, 200, 200], 'never three')
    const [now, before] = (await clients.find(client.id)).secrets
    t.equal(now?.expires_at, null)
    const left = Date.parse(String(before?.expires_at)) - Date.now()
    t.ok(left > 3_500_000 && left <= 3_600_000)
    const rotated = 'client.secret_rotated'
    t.strictSame(await kinds(client.id), ['client.authentication_failed', rotated, rotated, 'client.created'])
  })

  t.test('without an overlap the old secret dies at once', async t => {
    const { client, secret: first } = await clients.create({ name: 'leaked' })
    const { secret: second } = await clients.rotateSecret(client.id)
    t.strictSame([await status(client.id, first), await status(client.id, second)], [401, 200])
  })

  t.test('a secret that has come to its end opens nothing, and rotating gives it no longer life', async t => {
    const { client } = await clients.create({ name: 'short' })
    const soon = new Date(Date.now() + 3_600_000)
    const { secret } = await clients.rotateSecret(client.id, { expiresAt: soon })
    await clients.rotateSecret(client.id, { overlapSeconds: 86_400 })
    t.equal((await clients.find(client.id)).secrets[1]?.expires_at, soon.toISOString())
    t.equal(await status(client.id, secret), 200)
    await services.db.query(
      `update oauth_clients set secrets = jsonb_set(secrets, '{1,expires_at}', '"2020-01-01T00:00:00.000Z"') where id = ?`,
      [client.id],
    )
    services.bus.applyRemote({ kind: 'client', id: client.id })
    t.equal(await status(client.id, secret), 401)
  })

  t.test('of rotations at once the last one counts, and the secret in use lives on beside it', async t => {
    const { client, secret: first } = await clients.create({ name: 'busy' })
    const made = await Promise.all(
      Array.from({ length: 4 }, () => clients.rotateSecret(client.id, { overlapSeconds: 60 })),
    )
    const statuses = await Promise.all(made.map(({ secret }) => status(client.id, secret)))
    t.strictSame(statuses.sort(), [200, 401, 401, 401])
    t.equal(await status(client.id, first), 200)
  })

  t.test('a rotation that is sent again replaces the secret that nobody saw, and keeps the one in use', async t => {
    const { client, secret: first } = await clients.create({ name: 'retried' })
    const { secret: lost } = await clients.rotateSecret(client.id, { overlapSeconds: 3_600 })
    const promised = (await clients.find(client.id)).secrets[1]?.expires_at
    const { secret: second } = await clients.rotateSecret(client.id, { overlapSeconds: 86_400 })
    t.strictSame(await Promise.all([first, lost, second].map(secret => status(client.id, secret))), [200, 401, 200])
    const [newest, before] = (await clients.find(client.id)).secrets
    t.equal(before?.expires_at, promised, 'until the end that it was promised')
    t.equal(newest?.expires_at, null)
    const { secret: third } = await clients.rotateSecret(client.id, { overlapSeconds: 3_600 })
    t.strictSame(
      await Promise.all([first, second, third].map(secret => status(client.id, secret))),
      [401, 200, 200],
      'once the second was used, it is the one in use',
    )
    await clients.rotateSecret(client.id)
    t.equal(await status(client.id, second), 401, 'without an overlap all before it die at once')
  })

  t.test('who has no secret to rotate', async t => {
    const { client: open } = await clients.create({ name: 'app', public: true })
    const { client: gone } = await clients.create({ name: 'gone' })
    await clients.revoke(gone.id)
    const personal = await clients.personalAccess()
    t.match(await refusal(clients.rotateSecret(open.id)), { status: 409 })
    t.match(await refusal(clients.rotateSecret(gone.id)), { status: 409 })
    for (const id of [personal.id, NOBODY, 'no-uuid'])
      t.match(await refusal(clients.rotateSecret(id)), { status: 404 }, id)
    const { client } = await clients.create({ name: 'nightly' })
    for (const overlap of [-1, 1e9, Number.NaN]) {
      t.match(
        await refusal(clients.rotateSecret(client.id, { overlapSeconds: overlap })),
        { status: 422 },
        String(overlap),
      )
    }
    t.match(await refusal(clients.rotateSecret(client.id, { expiresAt: new Date(0) })), { status: 422 })
    await t.rejects(clients.rotateSecret(client.id, { overlap: 60 } as object), { message: /overlapSeconds/ })
  })

  t.test('what is changed counts on the next request, and the rest stays', async t => {
    const { client, secret } = await clients.create({ name: 'nightly', scopes: ['orders:read', 'reports'] })
    t.equal((await ask(client.id, secret, { scope: 'reports' })).statusCode, 200)
    await clients.update(client.id, { scopes: ['orders:read'], accessTokenLifetime: 60 })
    t.equal((await ask(client.id, secret, { scope: 'reports' })).json().error, 'invalid_scope')
    t.match((await ask(client.id, secret)).json(), { expires_in: 60, scope: 'orders:read' })
    await clients.update(client.id, { grantTypes: [] })
    t.equal((await ask(client.id, secret)).json().error, 'unauthorized_client')
    t.match(await clients.find(client.id), { name: 'nightly', scopes: ['orders:read'], accessTokenLifetime: 60 })
    const [event] = await services.auditLog.list({ clientId: client.id, kind: 'client.changed' }, { limit: 1 })
    t.strictSame(event?.details, { grantTypes: [] })
  })

  t.test('what a client cannot be', async t => {
    const { id: userId } = await newUser(services)
    const own = { userId, redirectUris: ['https://app.example.com/back'] }
    const bad: Record<string, Partial<NewClient>> = {
      name: { name: ' ' },
      'grant_types/0': { grantTypes: ['password'] },
      grant_types: { public: true, grantTypes: ['client_credentials'] },
      redirect_uris: { grantTypes: ['authorization_code'], redirectUris: [] },
      'redirect_uris/0': { redirectUris: ['https://app.example.com/back?st%61te=x'] },
      'redirect_uris/1': { redirectUris: ['http://127.0.0.1/back', 'data:text/html,x'] },
      'scopes/1': { scopes: ['orders:read', 'nothing'] },
      scopes: { ...own, scopes: ['admin:read'] },
      audience: { ...own, audience: 'https://api.example.com' },
      jwks: { authMethod: 'private_key_jwt' },
      access_token_lifetime: { accessTokenLifetime: 0 },
      refresh_token_lifetime: { refreshTokenLifetime: 1e12 },
      token_format: { tokenFormat: 'paper' },
    }
    const { client } = await clients.create({ name: 'fine', ...own })
    const neverUseful: [string, Partial<NewClient>][] = [
      ['grant_types', { grantTypes: ['refresh_token'] }],
      [
        'grant_types',
        { public: true, grantTypes: ['refresh_token', 'urn:ietf:params:oauth:grant-type:token-exchange'] },
      ],
      ['audience', { public: true, audience: 'https://api.example.com' }],
    ]
    for (const [path, settings] of neverUseful) {
      const refused = { status: 422, extra: { errors: [{ path }] } }
      t.match(await refusal(clients.create({ name: 'x', ...settings })), refused, path)
    }
    const { client: api } = await clients.create({ name: 'api', audience: 'https://api2.example.com' })
    t.match(await refusal(clients.update(api.id, { authMethod: 'none', grantTypes: [] })), { status: 422 })
    for (const [path, settings] of Object.entries(bad)) {
      const refused = { status: 422, extra: { errors: [{ path }] } }
      t.match(await refusal(clients.create({ name: 'x', ...settings })), refused, path)
      const { public: open, userId: _, ...change } = settings
      t.match(
        await refusal(clients.update(client.id, { ...change, ...(open && { authMethod: 'none' }) })),
        refused,
        path,
      )
    }
    t.match(
      await clients.find(client.id),
      { name: 'fine', grantTypes: ['authorization_code', 'refresh_token'] },
      'nothing has changed',
    )
    t.strictSame(await kinds(client.id), ['client.created'])
  })

  t.test('an audience belongs to one client, and is free again when that is revoked', async t => {
    const audience = 'https://api.example.com/orders'
    const { client } = await clients.create({ name: 'Orders API', audience })
    t.match(await refusal(clients.create({ name: 'impostor', audience })), { status: 422 })
    const { client: other } = await clients.create({ name: 'other' })
    t.match(await refusal(clients.update(other.id, { audience })), { status: 422 })
    const { client: asks, secret } = await clients.create({ name: 'asks', resources: [audience] })
    t.equal((await ask(asks.id, secret, { resource: audience })).statusCode, 200)
    await clients.revoke(client.id)
    t.equal((await ask(asks.id, secret, { resource: audience })).json().error, 'invalid_target')
    t.match((await clients.create({ name: 'Orders API 2', audience })).client, { audience })
    t.equal((await ask(asks.id, secret, { resource: audience })).statusCode, 200)
  })

  t.test('a revoked client: nothing of it opens or refreshes anything', async t => {
    const granted = await grantAccess(services, await newUser(services))
    const { id } = granted.client
    const open = async () =>
      (await app.inject({ url: '/api/tokens/current', headers: bearer(granted.accessToken) })).statusCode
    t.equal(await open(), 200)
    await clients.revoke(id)
    await clients.revoke(id)
    t.equal(await open(), 401)
    t.equal((await refresh(app, granted)).statusCode, 401)
    const live = await services.db.query('select 1 from oauth_refresh_tokens where client_id = ? and not revoked', [id])
    t.equal(live.length, 0)
    t.strictSame(
      (await kinds(id)).filter(kind => kind === 'client.revoked'),
      ['client.revoked'],
      'written down once',
    )
    t.match(await refusal(clients.update(id, { name: 'back again' })), { status: 409 })
    for (const unknown of [(await clients.personalAccess()).id, NOBODY, 'no-uuid']) {
      t.match(await refusal(clients.revoke(unknown)), { status: 404 })
    }
  })

  t.test('a user finds their own', async t => {
    const app = { redirectUris: ['https://app.example.com/back'] }
    const [ada, bob] = [await newUser(services), await newUser(services)]
    const { client: hers } = await clients.create({ name: 'hers', userId: ada.id, ...app })
    await clients.create({ name: 'his', userId: bob.id, ...app })
    t.strictSame(
      (await clients.list({ userId: ada.id })).map(({ id }) => id),
      [hers.id],
    )
    t.equal((await clients.find(hers.id, ada.id)).id, hers.id)
    t.match(await refusal(clients.find(hers.id, bob.id)), { status: 404 })
  })
})
