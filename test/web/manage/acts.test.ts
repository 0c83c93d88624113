import t from 'tap'
import { actingAs, newUser, PASSWORD, testApp } from '../../helpers/app.ts'
import { Browser, locationOf } from '../../helpers/browser.ts'
import { opens } from '../../helpers/granted-tokens.ts'
import { basic, form } from '../../helpers/oauth.ts'

const { app, services } = await testApp(t)
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
  t.test('are made', async t => {
    const fields = { name: 'Ada <King>', email: 'Ada@Example.com', password: PASSWORD, role: 'admin' }
    const page = await send('/manage/users/new', fields, /users$/)
    t.match(page.body, 'role="status"')
    t.match(page.body, 'Ada &lt;King&gt;')
    t.match(await services.users.findByEmail('ada@example.com'), { name: 'Ada <King>', role: 'admin' })
    t.notMatch((await browser.get('/manage/users')).body, 'role="status"', 'which is said once')
  })

  t.test('are asked for again when something is wrong, without the password', async t => {
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

  t.test('are found by a part of the name or the address, wildcards standing for themselves', async t => {
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

  t.test('are disabled and enabled, but nobody by themselves', async t => {
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

  t.test('get another password, which ends their sessions', async t => {
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

  t.test('do not get one from themselves: that takes the one before', async t => {
    const page = await browser.get(`/manage/users/${admin.id}`)
    t.notMatch(page.body, /action="[^"]*password"/)
    const _csrf = /name="_csrf" value="([^"]*)"/.exec(page.body)?.[1]
    const refused = await browser.post(`/manage/users/${admin.id}/password`, { _csrf, password: 'another good one' })
    t.equal(refused.statusCode, 409)
    t.ok(await services.users.authenticate(admin.email, PASSWORD))
  })

  t.test('are signed out everywhere', async t => {
    const { user, token } = await actingAs(services)
    await send(`/manage/users/${user.id}/sign-out`, {}, /sign-out$/)
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
  t.match(refused.body, /role="alert">[^<]*URI/)
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

t.test('an operator lets the tokens of an app issue personal tokens, and has requests pushed', async t => {
  const redirectUris = ['https://a.example']
  const { client } = await services.clients.create({ name: 'Deployer', redirectUris, authMethod: 'none' })
  const save = (fields: Record<string, string | undefined>, id = client.id) =>
    send(`/manage/clients/${id}`, fields, /clients\/[\w-]+$/)
  const both = { issues_personal_tokens: '1', require_pushed_authorization_requests: '1' }
  const page = await save(both)
  t.match(await services.clients.find(client.id), { issuesPersonalTokens: true, requirePushedRequests: true })
  t.equal([...page.body.matchAll(/type="checkbox"[^>]* checked/g)].length, 2)
  await save({ issues_personal_tokens: undefined, require_pushed_authorization_requests: undefined })
  t.match(await services.clients.find(client.id), { issuesPersonalTokens: false, requirePushedRequests: false })
  const theirs = (await services.clients.create({ name: 'x', userId: admin.id, redirectUris })).client
  t.notMatch((await save({ require_pushed_authorization_requests: '1' }, theirs.id)).body, 'issues_personal_tokens')
  t.match(await services.clients.find(theirs.id), { requirePushedRequests: true })
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
  t.match(page.body, /was revoked, and <bdi>\d+<\/bdi> tokens with it/)
  t.match(page.body, /data-label="Status">Revoked</)
  t.notMatch(page.body, `${current}/revoke`)
  t.ok((await services.tokenAdmin.find(id))?.revoked)
  t.equal(await opens(app, token), 401)
  t.equal((await browser.get(`/manage/keys/${current}/revoke`)).statusCode, 404)
})

t.test('the audit trail is filtered and says who did it', async t => {
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
