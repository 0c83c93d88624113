import t from 'tap'
import { ensureFirstAdministrator } from '../../src/first-run.ts'
import { newUser, PASSWORD, testApp } from '../helpers/app.ts'
import { authorizeUrl, Browser, formOf, locationOf } from '../helpers/browser.ts'

const { app, services } = await testApp(t, { sessionIdle: 3_600 })

/** As if these minutes had passed since anybody signed in. */
const passing = (minutes: number, columns = ['created_at', 'proved_at']) =>
  services.db.query(`update sessions set ${columns.map(each => `${each} = ${each} - interval '${minutes} minutes'`)}`)

t.test('a sign-in that is not used ends', async t => {
  const browser = new Browser(app)
  await browser.signIn(await newUser(services))
  await passing(59, ['last_seen_at'])
  t.equal((await browser.get('/tokens')).statusCode, 200, 'which counts as a use')
  await passing(59, ['last_seen_at'])
  t.equal((await browser.get('/tokens')).statusCode, 200)
  await passing(61, ['last_seen_at'])
  t.match(locationOf(await browser.get('/tokens')).pathname, '/login')
})

t.test('an administrative act asks for the password again after ten minutes', async t => {
  const browser = new Browser(app)
  await browser.signIn(await newUser(services, 'admin'))
  await passing(11)
  const page = await browser.get('/manage/users/new')
  t.equal(page.statusCode, 200, 'reading asks for nothing')
  const person = { name: 'Ada <King>', email: 'king@example.com', role: 'user', password: 'what nobody sees' }
  const asked = await browser.submit(page, person, /users$/)
  t.equal(asked.statusCode, 403)
  t.match(asked.body, 'Confirm your password')
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

t.test('so does an own app', async t => {
  const browser = new Browser(app)
  await browser.signIn(await newUser(services))
  await passing(11)
  const page = await browser.get('/apps/own/new')
  const fields = { name: 'Calendar', redirect_uris: 'https://app.example/cb' }
  const asked = await browser.submit(page, fields, /own\/?$/)
  t.equal(asked.statusCode, 403, asked.body)
  t.same((await browser.get('/apps/own')).body.includes('Calendar'), false)
})

t.test('by the session, the API gives administrative scopes for ten minutes only', async t => {
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

t.test('by the session, the API changes own apps and their secrets for ten minutes only', async t => {
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

t.test('whoever signs in with the printed password chooses another first', async t => {
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
