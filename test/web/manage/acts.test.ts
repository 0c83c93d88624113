import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import type { Client } from '../../../src/clients/client.entity.ts'
import { DEVICE_CODE } from '../../../src/grants/device-grant.ts'
import { actingAs, newUser, PASSWORD, testApp } from '../../helpers/app.ts'
import { authorizeUrl, Browser, errorsOf, locationOf } from '../../helpers/browser.ts'
import { opens } from '../../helpers/granted-tokens.ts'
import { basic, form } from '../../helpers/oauth.ts'

const { app, services } = await testApp(t, { fetchLoopback: true })
const admin = await newUser(services, 'admin')
const browser = new Browser(app)
await browser.signIn(admin)

/** Sends the form of a page. @returns the page it leads to */
async function send(url: string, fields: Record<string, string | undefined>, action: RegExp) {
  const answer = await browser.submit(await browser.get(url), fields, action)
  t.equal(answer.statusCode, 303, answer.body)
  return browser.get(locationOf(answer).pathname)
}

t.test('users', async t => {
  t.test('are created', async t => {
    const fields = { name: 'Ada <King>', email: 'Ada@Example.com', password: PASSWORD, role: 'admin' }
    const page = await send('/manage/users/new', fields, /users$/)
    t.match(page.body, 'role="status"')
    t.match(page.body, 'Ada &lt;King&gt;')
    t.match(await services.users.findByEmail('ada@example.com'), { name: 'Ada <King>', role: 'admin' })
    t.notMatch((await browser.get('/manage/users')).body, 'role="status"', 'which is said once')
  })

  t.test('an invalid form is shown again without the password', async t => {
    const page = await browser.get('/manage/users/new')
    const good = { name: 'Mary', email: 'mary@example.com', password: PASSWORD }
    for (const bad of [
      { email: admin.email },
      { email: 'x' },
      { name: undefined },
      { name: ' ' },
      { password: 'short' },
    ]) {
      const answer = await browser.submit(page, { ...good, ...bad }, /users$/)
      t.equal(answer.statusCode, 400)
      t.match(answer.body, 'role="alert"')
      t.notMatch(answer.body, PASSWORD)
    }
    t.notOk(await services.users.findByEmail('mary@example.com'))
    await browser.submit(page, { ...good, role: 'emperor' }, /users$/)
    t.match(await services.users.findByEmail('mary@example.com'), { role: 'user' })
  })

  t.test('are found by a part of the name or address, with wildcards escaped', async t => {
    await newUser(services, 'user', 'needle_1@haystack.example')
    await newUser(services, 'user', 'needle21@haystack.example')
    const found = async (q: string) =>
      [
        ...(await browser.get(`/manage/users?q=${encodeURIComponent(q)}`)).body.matchAll(
          />([^<]*@haystack\.example)</g,
        ),
      ].map(([, email]) => email)
    t.strictSame(await found('HAYSTACK'), ['needle_1@haystack.example', 'needle21@haystack.example'])
    t.strictSame(await found('needle_1'), ['needle_1@haystack.example'])
    t.strictSame(await found('%'), [])
    t.strictSame(await found('\\'), [])
  })

  t.test('come in pages', async t => {
    for (let i = 0; i < 11; i++) await newUser(services, 'user', `paged${i}@many.example`)
    const first = await browser.get('/manage/users?q=many.example')
    const next = /href="([^"]*)" rel="next"/.exec(first.body)?.[1]?.replaceAll('&amp;', '&') as string
    const second = await browser.get(next)
    const rows = (body: string) => [...body.matchAll(/@many\.example</g)].length
    t.strictSame([rows(first.body), rows(second.body)], [10, 1])
    t.notMatch(second.body, 'rel="next"')
  })

  t.test('are disabled and enabled, but not by themselves', async t => {
    const { user, token } = await actingAs(services)
    const path = `/manage/users/${user.id}`
    await send(path, {}, /disable$/)
    t.equal(await opens(app, token), 401)
    await send(path, {}, /enable$/)
    t.equal(await opens(app, token), 200)
    const page = await browser.get(`/manage/users/${admin.id}`)
    t.notMatch(page.body, 'disable"')
    const { _csrf } = { _csrf: /name="_csrf" value="([^"]*)"/.exec(page.body)?.[1] }
    t.equal((await browser.post(`/manage/users/${admin.id}/disable`, { _csrf })).statusCode, 409)
  })

  t.test('are unlocked', async t => {
    const { user } = await actingAs(services)
    t.match((await send(`/manage/users/${user.id}`, {}, /unlock$/)).body, 'were reset')
    t.ok((await services.users.find(user.id)).unlockedAt)
  })

  t.test('get a new password, which ends their sessions', async t => {
    const user = await newUser(services)
    const theirs = new Browser(app)
    await theirs.signIn(user)
    const path = `/manage/users/${user.id}`
    t.match(await browser.submit(await browser.get(path), { password: 'short' }, /password$/), {
      statusCode: 400,
      body: /role="alert"/,
    })
    await send(path, { password: 'another good one' }, /password$/)
    t.equal((await theirs.get('/device')).statusCode, 303)
    t.ok(await services.users.authenticate(user.email, 'another good one'))
  })

  t.test('cannot reset their own password, which requires the current one', async t => {
    const page = await browser.get(`/manage/users/${admin.id}`)
    t.notMatch(page.body, /action="[^"]*password"/)
    const _csrf = /name="_csrf" value="([^"]*)"/.exec(page.body)?.[1]
    const refused = await browser.post(`/manage/users/${admin.id}/password`, { _csrf, password: 'another good one' })
    t.equal(refused.statusCode, 409)
    t.ok(await services.users.authenticate(admin.email, PASSWORD))
  })

  t.test('are promoted, demoted and renamed, but not by themselves', async t => {
    const user = await newUser(services)
    const path = `/manage/users/${user.id}`
    const page = await send(path, { name: 'Ada', email: 'promoted@example.com', role: 'admin' }, /users\/[\w-]+$/)
    t.match(page.body, 'Ada</bdi> was updated')
    t.match(await services.users.find(user.id), { name: 'Ada', email: 'promoted@example.com', role: 'admin' })
    await send(path, { name: 'Ada', email: 'promoted@example.com', role: 'user' }, /users\/[\w-]+$/)
    t.equal((await services.users.find(user.id)).role, 'user')
    const own = await browser.get(`/manage/users/${admin.id}`)
    t.notMatch(own.body, 'name="role"')
    const _csrf = /name="_csrf" value="([^"]*)"/.exec(own.body)?.[1]
    t.equal((await browser.post(`/manage/users/${admin.id}`, { _csrf, role: 'user' })).statusCode, 409)
    t.equal((await services.users.find(admin.id)).role, 'admin')
  })

  t.test('do not get back by an old form what was taken away meanwhile', async t => {
    const user = await newUser(services, 'admin')
    const path = `/manage/users/${user.id}`
    const old = await browser.get(path)
    await services.users.update(user.id, { role: 'user' })
    const fields = { name: 'Ada', email: user.email, role: 'admin' }
    const refused = await browser.submit(old, fields, /users\/[\w-]+$/)
    t.equal(refused.statusCode, 409)
    t.match(errorsOf(refused.body).above, 'has changed since you opened the page')
    t.match(refused.body, '<option value="user" selected>', 'the current role')
    t.equal((await browser.submit(old, { ...fields, tag: undefined }, /users\/[\w-]+$/)).statusCode, 409)
    t.match(await services.users.find(user.id), { role: 'user', name: user.name })

    const current = await browser.get(path)
    const invalid = await browser.submit(current, { ...fields, name: ' ' }, /users\/[\w-]+$/)
    t.equal(invalid.statusCode, 400)
    await services.users.update(user.id, { name: 'Grace' })
    t.equal((await browser.submit(invalid, fields, /users\/[\w-]+$/)).statusCode, 409, 'also when it was shown again')
    t.match(await services.users.find(user.id), { role: 'user', name: 'Grace' })
  })

  t.test('get tokens from an administrator, with the scopes that they may have', async t => {
    const user = await newUser(services)
    const path = `/manage/users/${user.id}/tokens`
    const page = await browser.get(`${path}/new?name=deploy&scopes=orders:read`)
    t.notMatch(page.body, 'scope.admin:write', 'only administrators can have it')
    const filled = { name: 'deploy', expires_in: '30d' }
    const issued = await browser.submit(page, filled, /tokens$/)
    t.equal(issued.statusCode, 201)
    const [token] = await services.tokens.list(user.id, { limit: 1 })
    t.match(token, { name: 'deploy', scopes: ['orders:read'] })
    t.match(await services.auditLog.list({ userId: user.id, kind: 'token.issued' }, { limit: 1 }), [
      { actorUserId: admin.id },
    ])
    const again = await browser.submit(page, filled, /tokens$/)
    t.equal(again.headers.location, `${path}/${token?.id}`, 'a reload creates nothing')
    t.equal(locationOf(await browser.get(`${path}/${token?.id}`)).pathname, `/manage/tokens/${token?.id}`)
    t.match((await browser.get(`/manage/tokens/${token?.id}`)).body, /deploy.*orders:read/s)
    const refused = await browser.submit(page, { ...filled, 'scope.admin:write': '1', once: 'other' }, /tokens$/)
    t.equal(refused.statusCode, 400)
    await services.users.disable(user.id)
    t.equal((await browser.get(`${path}/new`)).statusCode, 409)
    t.equal((await services.tokens.list(user.id, { limit: 5 })).length, 1)
  })

  t.test('are signed out everywhere, and keep their tokens', async t => {
    const { user, token } = await actingAs(services)
    const theirs = new Browser(app)
    await theirs.signIn(user)
    await send(`/manage/users/${user.id}`, {}, /sign-out$/)
    t.equal((await theirs.get('/tokens')).statusCode, 303)
    t.equal(await opens(app, token), 200)
  })

  t.test('are signed out, and lose the tokens that were counted', async t => {
    const { user, token } = await actingAs(services)
    const path = `/manage/users/${user.id}/tokens/revoke`
    t.match((await browser.get(path)).body, 'Sign out and revoke 1 token<')
    t.equal(await opens(app, token), 200, 'nothing is revoked by asking')
    await send(path, {}, /revoke$/)
    t.equal(await opens(app, token), 401)
    t.match(await services.auditLog.list({ userId: user.id, kind: 'session.ended' }, { limit: 1 }), [
      { actorUserId: admin.id, address: '127.0.0.1' },
    ])
  })
})

t.test('an app is allowed to exchange tokens for other APIs, and to name them', async t => {
  const { client } = await services.clients.create({ name: 'Gateway' })
  const path = `/manage/clients/${client.id}`
  const fields = { exchange_audiences: 'https://a.example\nhttps://b.example', resources: 'https://a.example' }
  const page = await send(path, fields, /clients\/[\w-]+$/)
  t.match(page.body, 'Gateway</bdi> was updated')
  const allowed = { exchangeAudiences: ['https://a.example', 'https://b.example'], resources: ['https://a.example'] }
  t.match(await services.clients.find(client.id), allowed)
  const refused = await browser.submit(page, { exchange_audiences: '<b>' }, /clients\/[\w-]+$/)
  t.equal(refused.statusCode, 400)
  t.match(errorsOf(refused.body).exchange_audiences, /^Exchange audience 1 must be an absolute URI/)
  t.match(refused.body, '>&lt;b&gt;</textarea>')
  await send(path, { exchange_audiences: undefined, resources: undefined }, /clients\/[\w-]+$/)
  t.match(await services.clients.find(client.id), { exchangeAudiences: [], resources: [] })
  const { client: theirs } = await services.clients.create({
    name: 'x',
    userId: admin.id,
    redirectUris: ['https://a.example'],
  })
  t.notMatch((await browser.get(`/manage/clients/${theirs.id}`)).body, 'exchange_audiences')
})

t.test('an old form of an app or a service account does not undo what was changed meanwhile', async t => {
  const { client } = await services.clients.create({ name: 'Gateway', redirectUris: ['https://a.example'] })
  const path = `/manage/clients/${client.id}`
  const old = await browser.get(path)
  await services.clients.update(client.id, { redirectUris: ['https://b.example'], scopes: ['orders:read'] })
  for (const action of [/settings$/, /clients\/[\w-]+$/]) {
    const refused = await browser.submit(
      old,
      { name: 'Gateway', redirect_uris: 'https://a.example', issues_personal_tokens: '1' },
      action,
    )
    t.equal(refused.statusCode, 409)
    t.match(errorsOf(refused.body).above, 'has changed since you opened the page')
    t.match(refused.body, 'https://b.example</textarea>', 'the current values')
  }
  const kept = { redirectUris: ['https://b.example'], scopes: ['orders:read'], issuesPersonalTokens: false }
  t.match(await services.clients.find(client.id), kept)

  const account = await services.serviceAccounts.create({ name: 'CI', role: 'admin', maintainers: [admin.id] })
  const form = await browser.get(`/manage/service-accounts/${account.id}`)
  await services.serviceAccounts.update(account.id, { role: 'user' })
  const refused = await browser.submit(form, { name: 'CI', role: 'admin' }, /service-accounts\/[\w-]+$/)
  t.equal(refused.statusCode, 409)
  t.equal((await services.serviceAccounts.find(account.id)).role, 'user')
})

t.test('an operator lets the tokens of an app issue personal tokens, and has requests pushed', async t => {
  const redirectUris = ['https://a.example']
  const { client } = await services.clients.create({ name: 'Deployer', redirectUris, authMethod: 'none' })
  const save = (fields: Record<string, string | undefined>, id = client.id) =>
    send(`/manage/clients/${id}`, fields, /clients\/[\w-]+$/)
  const both = { issues_personal_tokens: '1', require_pushed_authorization_requests: '1' }
  const page = await save(both)
  t.match(await services.clients.find(client.id), { issuesPersonalTokens: true, requirePushedRequests: true })
  t.equal([...page.body.matchAll(/name="(?:issues_|require_)\w+" value="1" checked/g)].length, 2)
  await save({ issues_personal_tokens: undefined, require_pushed_authorization_requests: undefined })
  t.match(await services.clients.find(client.id), { issuesPersonalTokens: false, requirePushedRequests: false })
  const theirs = (await services.clients.create({ name: 'x', userId: admin.id, redirectUris })).client
  t.notMatch((await save({ require_pushed_authorization_requests: '1' }, theirs.id)).body, 'issues_personal_tokens')
  t.match(await services.clients.find(theirs.id), { requirePushedRequests: true })
})

t.test('apps of every kind are created and changed', async t => {
  const create = async (kind: string, fields: Record<string, string>) => {
    const page = await browser.get(`/manage/clients/new?kind=${kind}`)
    return browser.submit(page, fields, /clients$/)
  }
  const newest = async () => (await services.clients.list({ limit: 500 })).at(-1) as Client
  const machine = await create('machine', { name: 'Nightly', 'grant:client_credentials': 'on' })
  t.match(machine.body, 'id="secret"', 'the secret is shown once')
  const first = await newest()
  t.match(first, { name: 'Nightly', grantTypes: ['client_credentials'], user: null, authMethod: 'client_secret_basic' })
  const api = await create('api', { name: 'Orders', audience: 'https://orders.example', token_format: 'opaque' })
  t.equal(api.statusCode, 200)
  t.match(await newest(), { audience: 'https://orders.example', grantTypes: [], tokenFormat: 'opaque' })
  const phone = await create('native', { name: 'Phone', redirect_uris: 'com.example.app:/cb' })
  t.equal(phone.statusCode, 303, 'it has no secret')
  const { id } = await newest()
  t.match(await services.clients.find(id), { authMethod: 'none', redirectUris: ['com.example.app:/cb'], user: null })
  t.equal(
    (await create('device', { name: 'Television', [`grant:${DEVICE_CODE}`]: 'on', 'grant:refresh_token': 'on' }))
      .statusCode,
    303,
  )
  t.equal((await newest()).grantTypes.length, 2)
  await send(`/manage/clients/${id}`, { name: 'Pocket', redirect_uris: 'com.example.app:/in' }, /settings$/)
  t.match(await services.clients.find(id), { name: 'Pocket', redirectUris: ['com.example.app:/in'] })
  const rotated = await browser.submit(await browser.get(`/manage/clients/${first.id}/secret`), {}, /secret$/)
  const secret = /id="secret"[^>]* value="([^"]*)"/.exec(rotated.body)?.[1] as string
  const answer = await form(app, '/oauth/token', { grant_type: 'client_credentials' }, basic(first.id, secret))
  t.equal(answer.statusCode, 200, 'the new secret is accepted')
  t.match(await services.auditLog.list({ clientId: id, kind: 'client.changed' }, { limit: 1 }), [
    { actorUserId: admin.id },
  ])
  const theirs = await services.clients.create({ name: 'x', userId: admin.id, redirectUris: ['https://a.example'] })
  t.notMatch((await browser.get(`/manage/clients/${theirs.client.id}`)).body, '/settings"', 'its owner decides')
})

t.test('an app is verified until it changes, which people see when it asks', async t => {
  const person = await newUser(services)
  const { client } = await services.clients.create({
    name: 'Pocket calendar',
    userId: person.id,
    public: true,
    redirectUris: ['com.example.calendar:/cb'],
  })
  const asks = async () => (await browser.get(authorizeUrl(client, { scope: 'orders:read' }))).body
  const WARNING = 'cannot verify the identity'
  t.match(await asks(), WARNING)
  const path = `/manage/clients/${client.id}`
  const question = await browser.get(`${path}/verify`)
  t.match(question.body, 'com.example.calendar:/cb', 'what to look at')
  t.match(await asks(), WARNING, 'asking verifies nothing')
  t.match((await send(`${path}/verify`, {}, /verify$/)).body, 'is verified')
  const verified = await asks()
  t.match(verified, /has verified this app.*>Verified</s)
  t.notMatch(verified, WARNING)
  t.match(verified, 'Another program can use the name of this app', 'since it has no credentials')
  t.match(await services.auditLog.list({ clientId: client.id, kind: 'client.verified' }, { limit: 1 }), [
    { actorUserId: admin.id },
  ])
  await services.clients.update(client.id, { name: 'Your bank' })
  t.match(await asks(), WARNING, 'another name is not verified')
  t.notMatch(await asks(), 'has verified this app')
  await services.clients.update(client.id, { name: 'Pocket calendar' })
  t.match(await asks(), WARNING, 'nor is the old one again')
  await send(`${path}/verify`, {}, /verify$/)
  t.notMatch(await asks(), WARNING)
  await send(path, {}, /unverify$/)
  t.match(await asks(), WARNING)
  await services.clients.revoke(client.id)
  t.equal((await browser.submit(question, {}, /verify$/)).statusCode, 409)
})

t.test('only what an administrator looked at is verified', async t => {
  const png = (note: string) =>
    Buffer.concat([
      Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex'),
      Buffer.from('0000004000000040', 'hex'),
      Buffer.from(note),
    ])
  let logo = png('calendar')
  const host = createServer((_request, response) => response.setHeader('content-type', 'image/png').end(logo))
  await once(host.listen(0, 'localhost'), 'listening')
  t.teardown(() => host.close().closeAllConnections())
  const { client } = await services.clients.create({
    name: 'Calendar',
    userId: (await newUser(services)).id,
    redirectUris: ['https://calendar.example/cb'],
    metadata: { logo_uri: `http://localhost:${(host.address() as AddressInfo).port}/logo.png` },
  })
  const path = `/manage/clients/${client.id}`
  const stored = async () => services.verifications.find(await services.clients.find(client.id))
  const shown = (content: Buffer) => `src="data:image/png;base64,${content.toString('base64')}" width="56"`
  const first = await browser.get(`${path}/verify`)
  t.ok(first.body.includes(shown(logo)), 'the logo itself is shown')

  logo = png('your bank')
  const refused = await browser.submit(first, {}, /verify$/)
  t.equal(refused.statusCode, 409)
  t.match(errorsOf(refused.body).above, /has changed since you opened this page/)
  t.ok(refused.body.includes(shown(logo)), 'what it is now')
  t.equal(await stored(), undefined, 'another logo is not verified')

  const redirectUris = ['https://bank.example/cb']
  await services.clients.update(client.id, { redirectUris })
  t.equal((await browser.submit(refused, {}, /verify$/)).statusCode, 409)
  t.equal((await browser.submit(refused, { print: undefined, logo: undefined }, /verify$/)).statusCode, 409)
  t.equal(await stored(), undefined, 'nor is another redirect URI')

  const { headers } = await actingAs(services, ['admin:read', 'admin:write'], { role: 'admin' })
  const url = `/admin/clients/${client.id}/verification`
  const put = (payload: object) => app.inject({ method: 'PUT', url, headers, payload })
  const { data } = (await app.inject({ url: `${url}/preview`, headers })).json()
  t.match(data, { client: { redirect_uris: redirectUris }, logo: `data:image/png;base64,${logo.toString('base64')}` })
  const { print, logo_sha256 } = data
  t.equal((await put({})).statusCode, 422, 'what was looked at is required')
  t.equal((await put({ print: print.replace(/./g, '0'), logo_sha256 })).statusCode, 409)
  t.equal((await put({ print, logo_sha256: null })).statusCode, 409)
  t.equal(await stored(), undefined)
  t.equal((await put({ print, logo_sha256 })).statusCode, 200)
  t.match((await app.inject({ url, headers })).json().data, { logo: true, print, logo_sha256 })
  t.strictSame((await stored())?.logo?.content, logo)

  await services.clients.update(client.id, { requirePushedRequests: true })
  t.ok(await stored(), 'other settings are not what was verified')
  const { authMethod } = client
  for (const [to, back] of [
    [{ name: 'Your bank' }, { name: client.name }],
    [{ authMethod: 'none' }, { authMethod }],
  ] as const) {
    await services.clients.update(client.id, to)
    await services.clients.update(client.id, back)
    t.equal(await stored(), undefined, 'changing it back does not restore the verification')
    const now = await services.verifications.preview(client.id)
    await services.verifications.verify(client.id, now)
  }
  host.close().closeAllConnections()
  const away = await browser.get(`${path}/verify`)
  t.notMatch(away.body, '<button>Verify app', 'a logo that cannot be seen cannot be verified')
})

t.test('apps are revoked, but not the one of personal tokens', async t => {
  const { client } = await services.clients.create({ name: 'Calendar', redirectUris: ['https://app.example/cb'] })
  const path = `/manage/clients/${client.id}`
  t.match((await browser.get(`${path}/revoke`)).body, /Revoke <bdi>Calendar<\/bdi>\?/)
  const page = await send(`${path}/revoke`, {}, /revoke$/)
  t.notMatch(page.body, '/revoke"')
  t.ok((await services.clients.find(client.id)).revoked)
  const { id } = await services.clients.personalAccess()
  t.notMatch((await browser.get(`/manage/clients/${id}`)).body, '/revoke"')
  t.equal((await browser.submit(await browser.get(`/manage/clients/${id}/revoke`), {}, /revoke$/)).statusCode, 404)
})

t.test('keys are rotated', async t => {
  const before = await services.keys.list()
  t.match((await send('/manage/keys/rotate', {}, /rotate$/)).body, 'is now active.')
  t.match(
    (await send('/manage/keys/rotate', { algorithm: 'EdDSA' }, /rotate$/)).body,
    /now published and becomes active at/,
  )
  const waiting = (await send('/manage/keys/rotate', {}, /rotate$/)).body
  t.match(waiting, /was already scheduled and becomes active at/)
  t.match(waiting, /data-label="Active from"><time [^>]+>in \d+ minutes</)
  t.match(
    (await browser.get('/manage/keys/rotate')).body,
    /Rotate immediately.+may reject new tokens/s,
    'what it costs',
  )
  t.equal((await services.keys.list()).find(key => key.state === 'current')?.algorithm, 'ES256')
  const early = await send('/manage/keys/rotate', { now: '1' }, /rotate$/)
  t.match(early.body, /is now active\. Servers that cache the public keys may reject/)
  const now = await services.keys.list()
  t.equal(now.length, before.length + 2)
  t.equal(now.find(key => key.state === 'current')?.algorithm, 'EdDSA')
  const page = await browser.get('/manage/keys/rotate')
  t.equal((await browser.submit(page, { algorithm: 'none' }, /rotate$/)).statusCode, 400)
  const { body } = await browser.get('/manage/keys')
  t.equal([...body.matchAll(/<th scope="row">/g)].length, now.length)
  t.notMatch(body, /"d":|privateKey/)
})

t.test('a key is revoked', async t => {
  const { id, token } = await actingAs(services)
  const current = (await services.keys.list()).find(key => key.state === 'current')?.id as string
  t.match((await browser.get(`/manage/keys/${current}/revoke`)).body, /This cannot be undone/)
  const page = await send(`/manage/keys/${current}/revoke`, {}, /revoke$/)
  t.match(page.body, /was revoked, and (<bdi>)?\d+(<\/bdi>)? tokens? with it/)
  t.match(page.body, /data-label="Status"><span class="badge danger">Revoked</)
  t.notMatch(page.body, `${current}/revoke`)
  t.ok((await services.tokenAdmin.find(id))?.revoked)
  t.equal(await opens(app, token), 401)
  t.equal((await browser.get(`/manage/keys/${current}/revoke`)).statusCode, 404)
})

t.test('the audit log is filtered and names the actor', async t => {
  const user = await newUser(services)
  await new Browser(app).signIn(user, 'wrong')
  const { client } = await services.clients.create({
    name: 'Traced',
    userId: user.id,
    redirectUris: ['https://a.example/%3Cx'],
  })
  await services.clients.update(client.id, { redirectUris: ['https://a.example/%22%3E'] })
  const rows = async (query: string) =>
    [...(await browser.get(`/manage/audit?${query}`)).body.matchAll(/<th scope="row">([^<]*)/g)].map(([, kind]) => kind)
  t.strictSame(await rows(`user=${user.email}`), ['App updated', 'App created', 'Sign-in failed', 'User created'])
  t.strictSame(await rows(`user=${user.id}&kind=sign_in.failed`), ['Sign-in failed'])
  t.strictSame(await rows(`client=${client.id}`), ['App updated', 'App created'])
  t.strictSame(await rows(`user=${user.id}&until=2020-01-01`), [])
  t.match((await browser.get(`/manage/audit?client=${client.id}`)).body, 'https://a.example/%22%3E')
})

t.test('the audit log names the acting token and session, and what a request called itself', async t => {
  const { user, id, headers } = await actingAs(services, ['tokens:write'])
  await app.inject({ method: 'POST', url: '/api/tokens', headers, payload: { name: 'issued by another' } })
  const byToken = (await browser.get(`/manage/audit?token=${id}`)).body
  t.match(byToken, new RegExp(`with token [^,]*?${id}`))
  const person = new Browser(app)
  await person.signIn(user)
  await person.submit(await person.get('/tokens/new'), { name: 'by session', expires_in: '30d' }, /tokens$/)
  const [issued] = await services.auditLog.list({ userId: user.id, kind: 'token.issued' }, { limit: 1 })
  t.ok(issued?.actorSessionId)
  const inSession = new RegExp(`in session [^,]*${issued?.actorSessionId}`)
  t.match((await browser.get(`/manage/audit?user=${user.id}`)).body, inSession)
  const { client } = await services.clients.create({ name: 'Orders API' })
  const wrong = { ...basic(client.id, 'wrong'), 'user-agent': 'curl/8 <script>' }
  await form(app, '/oauth/introspect', { token: 'x' }, wrong)
  const kind = 'client.authentication_failed'
  while ((await services.auditLog.list({ kind }, { limit: 1 })).length === 0) await new Promise(setImmediate)
  const failed = (await browser.get(`/manage/audit?kind=${kind}`)).body
  t.match(failed, 'App authentication failed')
  t.match(failed, 'curl/8 &lt;script&gt;')
  const reader = await actingAs(services, ['admin:read'], { role: 'admin' })
  const api = await app.inject({ url: `/admin/audit?token_id=${id}`, headers: reader.headers })
  t.ok(api.json().data.some((event: { actor_token_id: string }) => event.actor_token_id === id))
})

t.test('the audit log leads to what it names, and is a file without formulas', async t => {
  const user = await newUser(services)
  await services.users.update(user.id, { name: '=HYPERLINK("https://evil.example")' })
  const redirectUris = ['https://a.example']
  const { client } = await services.clients.create({ name: '+1 "quoted"', userId: user.id, redirectUris })
  const query = `client=${client.id}`
  const { body } = await browser.get(`/manage/audit?${query}`)
  t.match(body, `href="/manage/users/${user.id}"`)
  t.match(body, `href="/manage/clients/${client.id}"`)
  const csv = /href="([^"]*audit\.csv[^"]*)"/.exec(body)?.[1]?.replaceAll('&amp;', '&') as string
  t.equal(csv, `/manage/audit.csv?${query}`, 'with the filters of the page')
  const file = await browser.get(csv)
  t.match(file.headers, { 'content-type': /^text\/csv/, 'content-disposition': /attachment/ })
  const [head, ...rows] = file.body.trimEnd().split('\r\n')
  t.match(head, /^id,time,event,/)
  t.equal(rows.length, 1)
  t.match(rows[0], /"'=HYPERLINK\(""https:\/\/evil\.example""\)"/)
  t.match(rows[0], /"'\+1 ""quoted"""/)
  t.notMatch(file.body, /,"[=+@-]/)
  t.equal((await browser.get('/manage/audit.csv?client=x')).statusCode, 400)
  t.equal((await new Browser(app).get(csv)).statusCode, 303, 'for administrators only')
})
