import t from 'tap'
import { ensureFirstAdministrator } from '../../src/first-run.ts'
import { newUser, PASSWORD, testApp } from '../helpers/app.ts'
import { authorizeUrl, Browser, formOf, locationOf } from '../helpers/browser.ts'
import { signInWithCode, withApp } from '../helpers/factors.ts'
import { newServiceAccount } from '../helpers/service-accounts.ts'

const { app, services } = await testApp(t, { sessionIdle: 3_600 })

/** As if these minutes had passed since anybody signed in. */
const passing = (minutes: number, columns = ['created_at', 'proved_at']) =>
  services.db.query(`update sessions set ${columns.map(each => `${each} = ${each} - interval '${minutes} minutes'`)}`)

t.test('an idle session expires', async t => {
  const browser = new Browser(app)
  await browser.signIn(await newUser(services))
  await passing(59, ['last_seen_at'])
  t.equal((await browser.get('/tokens')).statusCode, 200, 'which counts as a use')
  await passing(59, ['last_seen_at'])
  t.equal((await browser.get('/tokens')).statusCode, 200)
  await passing(61, ['last_seen_at'])
  t.match(locationOf(await browser.get('/tokens')).pathname, '/login')
})

t.test('administrative actions require the password again after ten minutes', async t => {
  const browser = new Browser(app)
  await browser.signIn(await newUser(services, 'admin'))
  await passing(11)
  const page = await browser.get('/manage/users/new')
  t.equal(page.statusCode, 200, 'reading asks for nothing')
  const person = { name: 'Ada <King>', email: 'king@example.com', role: 'user', password: 'what nobody sees' }
  const asked = await browser.submit(page, person, /users$/)
  t.equal(asked.statusCode, 403)
  t.match(asked.body, 'Confirm it’s you')
  t.match(formOf(asked.body, /users$/).fields, { name: person.name, email: person.email })
  t.notMatch(asked.body, person.password, 'a password has to be typed again')
  t.notOk(await services.users.findByEmail(person.email), 'nothing is changed yet')

  const { password } = person
  const wrong = await browser.submit(asked, { password, own_password: 'wrong password' }, /users$/)
  t.equal(wrong.statusCode, 400)
  t.match(wrong.body, 'The password is wrong.')
  const done = await browser.submit(wrong, { password, own_password: PASSWORD }, /users$/)
  t.equal(done.statusCode, 303, done.body)
  t.match(await services.users.findByEmail(person.email), { name: person.name }, 'what was filled in counts')
  const more = { ...person, email: 'more@example.com' }
  t.equal((await browser.submit(page, more, /users$/)).statusCode, 303, 'and nothing is asked again')
  await passing(11)
  t.equal((await browser.submit(page, { ...more, email: 'x@example.com' }, /users$/)).statusCode, 403)
})

t.test('failed confirmations are delayed as at sign-in, and counted together', async t => {
  for (const [url, role, action] of [
    ['/apps/own/new', 'user', /own\/?$/],
    ['/manage/users/new', 'admin', /users$/],
  ] as const) {
    const user = await newUser(services, role)
    const browser = new Browser(app)
    await browser.signIn(user)
    await passing(11)
    const page = await browser.get(url)
    const guess = () => browser.submit(page, { own_password: 'wrong password' }, action)
    for (let i = 0; i < 10; i++) t.equal((await guess()).statusCode, 400, url)
    const more = await Promise.all([guess(), guess(), browser.signIn(user, 'wrong password')])
    const refused = more.filter(({ statusCode }) => statusCode === 429)
    t.equal(refused.length, 2, `${url}: one attempt at a time`)
    for (const { headers } of refused) t.ok(Number(headers['retry-after']) > 0, `${url} says when to try again`)
  }
})

t.test('so do changes of own apps', async t => {
  const browser = new Browser(app)
  await browser.signIn(await newUser(services))
  await passing(11)
  const page = await browser.get('/apps/own/new')
  const fields = { name: 'Calendar', redirect_uris: 'https://app.example/cb' }
  const asked = await browser.submit(page, fields, /own\/?$/)
  t.equal(asked.statusCode, 403, asked.body)
  t.same((await browser.get('/apps/own')).body.includes('Calendar'), false)
})

t.test('by session, the API grants administrative scopes for ten minutes only', async t => {
  const browser = new Browser(app)
  await browser.signIn(await newUser(services, 'admin'))
  const ask = (method: 'GET' | 'POST', url: string, headers = {}) =>
    app.inject({
      method,
      url,
      headers,
      cookies: Object.fromEntries(browser.cookies),
      ...(method === 'POST' && { payload: { name: 'x', scopes: ['admin:write'] } }),
    })
  const proof = { 'x-csrf-token': (await ask('GET', '/api/session')).json().csrf_token }
  t.equal((await ask('POST', '/api/tokens', proof)).statusCode, 201)
  await passing(11)
  t.equal((await ask('POST', '/api/tokens', proof)).statusCode, 403)
  t.equal((await ask('GET', '/api/tokens')).statusCode, 200)
  const page = await browser.get('/tokens/new')
  const fields = { name: 'x', expires_in: '7d', 'scope.admin:write': '1' }
  t.equal((await browser.submit(page, fields, /tokens$/)).statusCode, 403, 'and so does the page')
  t.match((await browser.submit(page, { ...fields, own_password: PASSWORD }, /tokens$/)).statusCode, /^[23]/)
})

t.test('by session, the API changes own apps and their secrets for ten minutes only', async t => {
  const browser = new Browser(app)
  const user = await newUser(services)
  await browser.signIn(user)
  const cookies = Object.fromEntries(browser.cookies)
  const headers = { 'x-csrf-token': (await app.inject({ url: '/api/session', cookies })).json().csrf_token }
  const ask = (method: 'GET' | 'POST' | 'PATCH' | 'DELETE', url: string, payload?: object) =>
    app.inject({ method, url, headers, cookies, ...(payload && { payload }) })
  const fields = { name: 'Calendar', redirect_uris: ['https://app.example/cb'] }
  const made = await ask('POST', '/api/clients', fields)
  t.equal(made.statusCode, 201, made.body)
  const path = `/api/clients/${made.json().data.id}`
  t.equal((await ask('POST', `${path}/secret`)).statusCode, 201)
  await passing(11)
  const refused = [
    await ask('POST', '/api/clients', fields),
    await ask('PATCH', path, { redirect_uris: ['https://thief.example/cb'] }),
    await ask('POST', `${path}/secret`),
    await ask('DELETE', path),
  ]
  for (const answer of refused) {
    t.equal(answer.statusCode, 403, answer.body)
    t.match(answer.json().detail, /ten minutes .* Sign in again/)
  }
  t.equal((await ask('GET', path)).json().data.revoked, false, 'reading asks for nothing')
  const { plainText } = await services.tokens.issuePersonal({ user, name: 'x', scopes: ['clients:write'] })
  const byToken = { method: 'POST' as const, url: `${path}/secret`, headers: { authorization: `Bearer ${plainText}` } }
  t.equal((await app.inject(byToken)).statusCode, 201, 'a token is not asked')
})

t.test('a query or an escape in the path avoids no confirmation', async t => {
  const administrator = await newUser(services, 'admin')
  const { token } = await services.tokens.issuePersonal({ user: administrator, name: 'x', scopes: ['admin:write'] })
  const admin = new Browser(app)
  await admin.signIn(administrator)
  const user = await newUser(services)
  const { code } = await withApp(services, user)
  const browser = new Browser(app)
  await signInWithCode(browser, user, await code())
  await passing(11)

  const { fields } = formOf((await admin.get(`/tokens/${token.id}`)).body, /rotate$/)
  for (const end of ['rotate', 'rotate?x', '%72otate', 'rotate?x=/rotate'])
    t.match((await admin.post(`/tokens/${token.id}/${end}`, fields)).body, 'Confirm it’s you', end)
  t.equal((await services.tokens.find(administrator.id, token.id)).successor, null)
  t.equal((await admin.post(`/tokens/${token.id}/suspend`, fields)).statusCode, 303, 'suspending gives nothing')
  for (const end of ['resume', 'resume?x', 'r%65sume'])
    t.match((await admin.post(`/tokens/${token.id}/${end}`, fields)).body, 'Confirm it’s you', end)
  t.equal((await services.tokens.find(administrator.id, token.id)).suspended, true)

  const form = formOf((await browser.get('/account')).body, /password$/).fields
  const password = 'battery staple horse'
  const change = { ...form, current_password: PASSWORD, password, password_confirmation: password }
  for (const path of ['password', 'password?x', '%70assword', 'password?x=/'])
    t.match((await browser.post(`/account/${path}`, change)).body, 'Confirm it’s you', path)
  t.equal((await new Browser(app).signIn(user)).statusCode, 303, 'the password is the same')
})

t.test('a new password makes the session no fresher', async t => {
  const browser = new Browser(app)
  await browser.signIn(await newUser(services))
  await passing(11)
  const password = 'battery staple horse'
  const fields = { current_password: PASSWORD, password, password_confirmation: password }
  t.equal((await browser.submit(await browser.get('/account'), fields, /account\/password$/)).statusCode, 303)
  const asked = await browser.submit(await browser.get('/apps/own/new'), { name: 'x' }, /own\/?$/)
  t.match(asked.body, 'Confirm it’s you')
})

t.test('a session of a provider with a second factor stays one when a generated password is replaced', async t => {
  const user = await newUser(services)
  await withApp(services, user)
  await services.db.query('update users set must_change_password = true where id = ?', [user.id])
  const provider = { issuer: 'https://idp.example', session: 's1', provedAt: new Date() }
  const device = { address: '127.0.0.1', userAgent: 'x', newDevice: undefined, provider }
  const text = await services.sessions.create(await services.users.find(user.id), device)
  const browser = new Browser(app)
  await browser.signIn(await newUser(services))
  browser.cookies.set(browser.sessionCookie as string, text)
  const password = 'battery staple horse'
  const fields = { password, password_confirmation: password }
  const done = await browser.submit(await browser.get('/new-password'), fields, /new-password$/)
  t.equal(done.statusCode, 303, done.body)
  const [session] = await services.sessions.list(user.id)
  t.match(session, { provider: 'https://idp.example', providerSession: 's1', methods: null })
  t.equal((await browser.get('/tokens')).statusCode, 200)
})

t.test('by session, the API issues what outlasts it for ten minutes only', async t => {
  const user = await newUser(services, 'admin')
  const { account } = await newServiceAccount(services, user)
  const own = await services.tokens.issuePersonal({ user, name: 'x', scopes: ['admin:read'] })
  const weak = await services.tokens.issuePersonal({ user, name: 'x', scopes: ['tokens:read'] })
  const robot = await services.tokens.issuePersonal({ user: account, name: 'x', scopes: ['tokens:read'] })
  const browser = new Browser(app)
  await browser.signIn(user)
  const cookies = Object.fromEntries(browser.cookies)
  const headers = { 'x-csrf-token': (await app.inject({ url: '/api/session', cookies })).json().csrf_token }
  const ask = (method: 'POST' | 'PATCH' | 'DELETE', path: string, payload?: object) =>
    app.inject({ method, url: `/api${path}`, headers, cookies, ...(payload && { payload }) })
  const robots = `/service-accounts/${account.id}/tokens`
  t.equal((await ask('POST', robots, { name: 'x', scopes: ['tokens:read'] })).statusCode, 201)
  t.equal((await ask('PATCH', `/tokens/${own.token.id}`, { scopes: ['admin:read', 'tokens:read'] })).statusCode, 200)
  await passing(11)
  const paused = await services.tokens.issuePersonal({ user, name: 'x', scopes: ['admin:read'] })
  for (const change of [{ name: 'y' }, { suspended: true }, { name: 'z' }])
    t.equal((await ask('PATCH', `/tokens/${paused.token.id}`, change)).statusCode, 200, 'gives nothing')
  const refused = [
    await ask('PATCH', `/tokens/${paused.token.id}`, { suspended: false }),
    await ask('POST', robots, { name: 'x', scopes: ['tokens:read'] }),
    await ask('POST', `${robots}?x`, { name: 'x', scopes: ['tokens:read'] }),
    await ask('PATCH', `${robots}/${robot.token.id}`, { scopes: ['tokens:read', 'tokens:write'] }),
    await ask('POST', `${robots}/${robot.token.id}/rotate`, {}),
    await ask('DELETE', `${robots}/${robot.token.id}`),
    await ask('POST', '/tokens', { name: 'x', scopes: ['admin:read'] }),
    await ask('PATCH', `/tokens/${weak.token.id}`, { scopes: ['tokens:read', 'admin:read'] }),
    await ask('POST', `/tokens/${own.token.id}/rotate`, {}),
  ]
  for (const answer of refused) {
    t.equal(answer.statusCode, 403, answer.body)
    t.match(answer.json().detail, /ten minutes .* Sign in again/)
  }
  t.equal((await ask('POST', '/tokens', { name: 'x', scopes: ['tokens:read'] })).statusCode, 201, 'others as before')
  for (const suspended of [true, false])
    t.equal((await ask('PATCH', `/tokens/${weak.token.id}`, { suspended })).statusCode, 200)
  t.equal((await ask('POST', `/tokens/${weak.token.id}/rotate`, {})).statusCode, 201)
})

t.test('a user with a generated password has to choose another one first', async t => {
  const world = await testApp(t)
  const first = await ensureFirstAdministrator(world.services)
  const { email, password } = first as { email: string; password: string }
  const { client } = await world.services.clients.create({ name: 'App', redirectUris: ['https://app.example/cb'] })
  const browser = new Browser(world.app)
  t.equal((await browser.signIn({ email }, password)).statusCode, 303)
  for (const url of ['/tokens', '/manage', '/account', '/apps', '/device', authorizeUrl(client)]) {
    t.equal(locationOf(await browser.get(url)).pathname, '/new-password', url)
  }
  t.equal((await browser.post('/account/sessions/end', {})).statusCode, 403)
  const cookies = Object.fromEntries(browser.cookies)
  t.equal((await world.app.inject({ url: '/api/user', cookies })).statusCode, 403)
  const page = await browser.get('/new-password?next=/manage')
  const choose = (text: string, again = text) =>
    browser.submit(page, { password: text, password_confirmation: again }, /new-password$/)
  for (const bad of [password, 'short', 'password1', '        ', email]) {
    t.equal((await choose(bad)).statusCode, 400, bad)
  }
  t.equal((await choose(PASSWORD, 'another one')).statusCode, 400)
  t.equal(locationOf(await choose(PASSWORD)).pathname, '/manage')
  t.equal((await browser.get('/manage')).statusCode, 200)
  t.equal(locationOf(await browser.get('/new-password')).pathname, '/tokens')
  t.equal((await new Browser(world.app).signIn({ email }, password)).statusCode, 401)
})
