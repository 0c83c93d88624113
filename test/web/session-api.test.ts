import t from 'tap'
import { actingAs, newUser, PASSWORD, testApp } from '../helpers/app.ts'
import { Browser } from '../helpers/browser.ts'

const { app, services } = await testApp(t)

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

/** Somebody signed in at the pages, and their requests to the API as a script on a page of ours sends them. */
async function signedIn(role: 'user' | 'admin' = 'user') {
  const user = await newUser(services, role)
  const browser = new Browser(app)
  await browser.signIn(user)
  const ask = (method: Method, url: string, payload?: object, headers: Record<string, string | undefined> = {}) =>
    app.inject({ method, url, headers, cookies: Object.fromEntries(browser.cookies), ...(payload && { payload }) })
  const csrf = async () => (await ask('GET', '/api/session')).json().csrf_token as string
  return { user, browser, ask, csrf, proof: { 'x-csrf-token': await csrf() } }
}

t.test('the session returns the signed-in user and the CSRF token', async t => {
  const { user, ask } = await signedIn()
  const answer = await ask('GET', '/api/session')
  t.equal(answer.statusCode, 200)
  t.equal(answer.headers['cache-control'], 'no-store')
  t.notOk(answer.headers['access-control-allow-origin'])
  t.match(answer.json(), { data: { id: user.id, email: user.email }, csrf_token: /^[\w.-]{20,}$/ })
  t.equal((await app.inject('/api/session')).statusCode, 401)
  t.equal((await app.inject({ url: '/api/session', cookies: { postern: 'x' } })).statusCode, 401)
})

t.test('with its CSRF token it can call every route of the API', async t => {
  const { user, ask, proof } = await signedIn()
  const made = await ask('POST', '/api/tokens', { name: 'by session', scopes: ['reports', 'tokens:write'] }, proof)
  t.equal(made.statusCode, 201)
  t.match(made.json(), { data: { name: 'by session', scopes: ['reports', 'tokens:write'] }, user: { id: user.id } })
  const year = Date.parse(made.json().data.expires_at) - Date.now()
  t.ok(year > 364 * 86_400_000, 'which lives as long as one made at the page')
  const path = `/api/tokens/${made.json().data.id}`
  t.equal((await ask('GET', path)).json().data.name, 'by session')
  t.equal((await ask('PATCH', path, { suspended: true }, proof)).statusCode, 200)
  t.equal((await ask('PATCH', path, { suspended: false }, proof)).statusCode, 200)
  t.equal((await ask('POST', `${path}/rotate`, {}, proof)).statusCode, 201)
  t.equal((await ask('GET', '/api/tokens')).json().data.length, 1)
  t.ok([200, 204].includes((await ask('DELETE', '/api/tokens', undefined, proof)).statusCode))
  t.equal((await ask('GET', '/api/user')).json().data.email, user.email)
  t.equal((await ask('PUT', '/api/user', { name: 'Ada King' }, proof)).json().data.name, 'Ada King')
  const app1 = await ask('POST', '/api/clients', { name: 'x', redirect_uris: ['https://app.example/cb'] }, proof)
  t.equal(app1.statusCode, 201)
  t.equal((await ask('GET', '/api/clients')).json().data.length, 1)
  t.equal((await ask('GET', '/api/authorizations')).statusCode, 200)
  const [event] = await services.auditLog.list({ userId: user.id, kind: 'token.issued' }, { limit: 1 })
  t.match(event, { actorUserId: user.id, address: '127.0.0.1' })
  for (const method of ['GET', 'DELETE'] as const) {
    t.equal((await ask(method, '/api/tokens/current', undefined, proof)).statusCode, 404, 'it is no token')
  }
  t.equal((await ask('POST', '/api/tokens/current/rotate', {}, proof)).statusCode, 404)
})

t.test('it changes e-mail address and password, which need the current password too', async t => {
  const { user, ask, browser, proof } = await signedIn()
  const email = `moved.${user.email}`
  const refused = await ask('PUT', '/api/user', { email, current_password: 'wrong password' }, proof)
  t.match(refused.json().errors, [{ path: 'current_password', message: 'is wrong' }])
  t.equal((await ask('PUT', '/api/user', { email })).statusCode, 403, 'and the CSRF token')
  const moved = await ask('PUT', '/api/user', { email, current_password: PASSWORD }, proof)
  t.equal(moved.json().data?.email, email, moved.body)
  const change = { current_password: PASSWORD, password: 'another horse battery' }
  t.equal((await ask('PUT', '/api/user/password', { ...change, current_password: 'wrong' }, proof)).statusCode, 422)
  t.equal((await ask('PUT', '/api/user/password', change)).statusCode, 403)
  t.equal((await ask('PUT', '/api/user/password', change, proof)).statusCode, 204)
  t.equal((await ask('GET', '/api/user')).statusCode, 401, 'which ends every session')
  t.equal((await browser.signIn({ email }, change.password)).statusCode, 303)
})

t.test('a change without the right CSRF token is rejected', async t => {
  const { user, ask, browser } = await signedIn()
  const other = await signedIn()
  const { id } = (await services.tokens.issuePersonal({ user, name: 'kept', scopes: [] })).token
  const form = /name="_csrf" value="([^"]*)"/.exec((await new Browser(app).get('/login')).body)?.[1] as string
  const changes: [Method, string, object?][] = [
    ['POST', '/api/tokens', { name: 'forged' }],
    ['PATCH', `/api/tokens/${id}`, { name: 'forged' }],
    ['POST', `/api/tokens/${id}/rotate`, {}],
    ['DELETE', `/api/tokens/${id}`],
    ['DELETE', '/api/tokens'],
    ['PUT', '/api/user', { name: 'forged' }],
    ['POST', '/api/clients', { name: 'forged' }],
  ]
  for (const [method, url, payload] of changes) {
    for (const csrf of [undefined, '', 'x', 'a-b-c', form, await other.csrf()]) {
      const refused = await ask(method, url, payload, { ...(csrf !== undefined && { 'x-csrf-token': csrf }) })
      t.equal(refused.statusCode, 403, `${method} ${url} ${csrf}`)
      t.match(refused.headers['content-type'], 'application/problem+json')
      t.match(refused.json().detail, 'X-CSRF-Token')
    }
  }
  const cookies = Object.fromEntries(browser.cookies)
  const payload = { name: 'forged', _csrf: await other.csrf() }
  t.equal((await app.inject({ method: 'POST', url: '/api/tokens', cookies, payload })).statusCode, 403, 'nor in a body')
  t.match(await services.tokens.list(user.id, { limit: 5 }), [{ id, name: 'kept' }])
  t.equal((await services.users.find(user.id)).name, 'Ada Lovelace')
})

t.test('the CSRF token of a page works here too, but not one of an ended session', async t => {
  const { ask, browser, user } = await signedIn()
  const field = /name="_csrf" value="([^"]*)"/.exec((await browser.get('/tokens')).body)?.[1] as string
  const proof = { 'x-csrf-token': field }
  t.equal((await ask('POST', '/api/tokens', { name: 'x' }, proof)).statusCode, 201)
  await browser.signIn(user)
  t.equal((await ask('POST', '/api/tokens', { name: 'x' }, proof)).statusCode, 403, 'after a new sign-in')
})

t.test('other sites cannot read', async t => {
  const { ask, proof } = await signedIn()
  const from = (site: string) => ask('GET', '/api/tokens', undefined, { 'sec-fetch-site': site })
  for (const site of ['same-origin', 'same-site', 'none']) t.equal((await from(site)).statusCode, 200, site)
  t.equal((await from('cross-site')).statusCode, 401)
  t.equal((await ask('GET', '/api/session', undefined, { 'sec-fetch-site': 'cross-site' })).statusCode, 401)
  const strange = await ask('GET', '/api/user?access_token=x', undefined, proof)
  t.equal(strange.statusCode, 401, 'nor with a token where none belongs')
})

t.test('a token takes precedence over the session', async t => {
  const { ask, proof } = await signedIn('admin')
  const { user, headers } = await actingAs(services, ['tokens:read'])
  t.equal((await ask('GET', '/api/user', undefined, headers)).json().data.id, user.id)
  t.equal((await ask('POST', '/api/tokens', { name: 'x' }, { ...headers, ...proof })).statusCode, 403)
  for (const authorization of ['Bearer x', 'Bearer', 'Basic eDp5', '']) {
    const answer = await ask('GET', '/api/user', undefined, { authorization, ...proof })
    t.equal(answer.statusCode, 401, `"${authorization}"`)
  }
  const credentials = { email: user.email, password: PASSWORD, device_name: 'x' }
  const made = await ask('POST', '/api/tokens', credentials)
  t.equal(made.json().user?.id, user.id, 'credentials count likewise')
})

t.test('it ends with the session', async t => {
  const { ask, browser, user, proof } = await signedIn()
  const cookies = Object.fromEntries(browser.cookies)
  await browser.submit(await browser.get('/tokens'), {}, /logout$/)
  t.equal((await app.inject({ url: '/api/user', cookies })).statusCode, 401, 'by sign-out')
  await browser.signIn(user)
  t.equal((await ask('GET', '/api/user')).statusCode, 200)
  await services.users.disable(user.id)
  t.equal((await ask('GET', '/api/user')).statusCode, 401, 'when the user is disabled')
  t.equal((await ask('POST', '/api/tokens', { name: 'x' }, proof)).statusCode, 401)
})

t.test('can() is true for everything except administration', async t => {
  const { app, services } = await testApp(t, { catalogue: [{ id: 'orders:read', description: 'Read orders' }] })
  const asked = ['orders:read', 'tokens:write', 'anything:else', 'admin:read', 'admin:write']
  const wanted = { user: [true, true, true, false, false], admin: [true, true, true, true, true] }
  for (const role of ['user', 'admin'] as const) {
    const user = await newUser(services, role)
    const browser = new Browser(app)
    await browser.signIn(user)
    const token = await sessionTokenOf(browser)
    t.strictSame(
      asked.map(scope => token.can(scope)),
      wanted[role],
      role,
    )
    t.strictSame(token.lacks(asked).length, role === 'admin' ? 0 : 2)
    const proof = { 'x-csrf-token': (await browser.get('/api/session')).json().csrf_token }
    const cookies = Object.fromEntries(browser.cookies)
    const payload = { name: 'x', scopes: ['admin:read'] }
    const made = await app.inject({ method: 'POST', url: '/api/tokens', cookies, headers: proof, payload })
    t.equal(made.statusCode, role === 'admin' ? 201 : 422)
  }

  async function sessionTokenOf(browser: Browser) {
    const { createSessionToken } = await import('../../src/tokens/session-token.ts')
    const signedIn = await services.sessions.find(browser.session as string)
    return createSessionToken(services.clients)(signedIn!)
  }
})

t.test('it is not accepted outside the API', async t => {
  const { ask, proof } = await signedIn('admin')
  t.equal((await ask('GET', '/admin/users', undefined, proof)).statusCode, 401)
})
