import t from 'tap'
import { ensureFirstAdministrator, startMessage } from '../../../src/first-run.ts'
import type { User } from '../../../src/users/user.entity.ts'
import { actingAs, newUser, PASSWORD, testApp } from '../../helpers/app.ts'
import { authorizeUrl, Browser, locationOf } from '../../helpers/browser.ts'
import { codeOf, secretOf, signInWithCode, withApp, withPasskey, wrongCode } from '../../helpers/factors.ts'

/** No way by password gets past a second factor that the user has, or has to have. */

const { app, services } = await testApp(t)
let networks = 0

const issue = (at: typeof app, { email }: Pick<User, 'email'>, fields: object = {}) =>
  at.inject({
    method: 'POST',
    url: '/api/tokens',
    remoteAddress: `10.${++networks}.0.1`,
    payload: { email, password: PASSWORD, device_name: 'x', ...fields },
  })

t.test('POST /api/tokens takes the code beside the password', async t => {
  const user = await newUser(services)
  t.equal((await issue(app, user)).statusCode, 201, 'a password is enough before')
  const { code, secret, recoveryCodes } = await withApp(services, user)
  const missing = await issue(app, user)
  t.equal(missing.statusCode, 401)
  t.match(missing.headers['www-authenticate'], 'Bearer')
  t.match(missing.json(), { type: 'urn:postern:error:second_factor_required', detail: /`code`/ })
  for (const wrong of [wrongCode(secret), '', 'x', recoveryCodes[0]?.slice(1), '漢'.repeat(16)]) {
    const refused = await issue(app, user, { code: wrong })
    t.equal(refused.statusCode, 401, JSON.stringify(wrong))
    t.match(refused.json(), { type: 'urn:postern:error:second_factor_required' })
  }
  t.equal((await issue(app, user, { code: 7 })).statusCode, 422)
  t.equal((await issue(app, user, { code: '1'.repeat(65) })).statusCode, 422)
  const right = await code()
  const unknown = await issue(app, user, { code: right, password: 'wrong password' })
  t.match(unknown.json(), { type: 'urn:postern:error:invalid_credentials' })
  t.equal((await issue(app, user, { code: right })).statusCode, 201, 'a wrong password uses no code up')
  t.equal((await issue(app, user, { code: right })).statusCode, 401, 'once')
  t.equal((await issue(app, user, { code: recoveryCodes[0] })).statusCode, 201)
  t.equal((await issue(app, user, { code: recoveryCodes[0] })).statusCode, 401)
})

t.test('a user with a passkey only signs in by a browser, or with a recovery code', async t => {
  const user = await newUser(services)
  await withPasskey(services, user)
  t.match((await issue(app, user)).json(), { detail: /browser/ })
  t.equal((await issue(app, user, { code: '000000' })).statusCode, 401)
})

t.test('the code of one user is none of another', async t => {
  const [ada, eve] = [await newUser(services), await newUser(services)]
  const theirs = await withApp(services, eve)
  await withApp(services, ada)
  t.equal((await issue(app, ada, { code: await theirs.code() })).statusCode, 401)
  t.equal((await issue(app, ada, { code: theirs.recoveryCodes[0] })).statusCode, 401)
  const rows = 'select encrypted_secret from authenticator_apps where user_id = ?'
  const [copied] = await services.db.query<{ encrypted_secret: string }>(rows, [eve.id])
  await services.db.query('update authenticator_apps set encrypted_secret = ? where user_id = ?', [
    copied?.encrypted_secret,
    ada.id,
  ])
  t.not((await issue(app, ada, { code: codeOf(theirs.secret) })).statusCode, 201, 'not even with the row of another')
})

t.test('a token changes address and password only with the code', async t => {
  const user = await newUser(services)
  const { code } = await withApp(services, user)
  const { headers } = await actingAs(services, ['user:read'], { user })
  const put = (url: string, payload: object) => app.inject({ method: 'PUT', url, headers, payload })
  const email = { email: `new.${user.email}`, current_password: PASSWORD }
  const password = { current_password: PASSWORD, password: 'another long password' }
  for (const [url, fields] of [
    ['/api/user', email],
    ['/api/user/password', password],
  ] as const) {
    const missing = await put(url, fields)
    t.equal(missing.statusCode, 422, url)
    t.match(missing.json().errors, [{ path: 'code' }])
    t.equal((await put(url, { ...fields, code: 'x' })).statusCode, 422, url)
    t.equal((await put(url, { ...fields, code: await code(), current_password: 'wrong password' })).statusCode, 422)
    const done = await put(url, { ...fields, code: await code() })
    t.match(done.statusCode, /^20[024]$/, done.body)
  }
})

t.test('wrong codes of the API count with those of the pages', async t => {
  const user = await newUser(services)
  const { code, secret } = await withApp(services, user)
  const remoteAddress = '198.51.100.7'
  const guess = (value: string) =>
    app.inject({
      method: 'POST',
      url: '/api/tokens',
      remoteAddress,
      payload: { email: user.email, password: PASSWORD, device_name: 'x', code: value },
    })
  for (let i = 0; i < 10; i++) t.equal((await guess(wrongCode(secret))).statusCode, 401)
  const browser = new Browser(app, remoteAddress)
  await browser.signIn(user)
  const page = await browser.get('/login/second-step')
  const more = await Promise.all([guess('x'), guess('x'), browser.submit(page, { code: 'x' }, /second-step$/)])
  t.equal(more.filter(({ statusCode }) => statusCode === 429).length, 2)
  t.equal((await issue(app, user, { code: await code() })).statusCode, 201, 'not so from elsewhere')
})

t.test('MFA=required: no password gives anything before there is a second factor', async t => {
  const { app, services } = await testApp(t, { mfa: 'required' })
  const user = await newUser(services)
  const refused = await issue(app, user)
  t.equal(refused.statusCode, 403)
  t.match(refused.json(), { type: 'urn:postern:error:second_factor_required', detail: /browser/ })
  const { token } = await actingAs(services, ['tokens:read'], { user })
  const { client } = await services.clients.create({ name: 'App', redirectUris: ['https://app.example/cb'] })
  const browser = new Browser(app)
  const thief = new Browser(app)
  await browser.signIn(user)
  await thief.signIn(user)
  for (const url of ['/tokens', '/apps', '/account', '/device', authorizeUrl(client)]) {
    t.equal(locationOf(await browser.get(url)).pathname, '/account/security', url)
  }
  t.equal((await browser.post('/account/sessions/end', {})).statusCode, 403)
  const cookies = Object.fromEntries(browser.cookies)
  t.equal((await app.inject({ url: '/api/user', cookies })).statusCode, 403)
  t.equal((await app.inject({ url: '/api/session', cookies })).statusCode, 403)
  const headers = { authorization: `Bearer ${token}` }
  t.equal((await app.inject({ url: '/api/tokens', headers })).statusCode, 200, 'tokens go on working')

  const asked = await browser.get('/account/security?next=/apps')
  t.match(asked.body, 'Your account needs a second factor.')
  const page = await browser.get('/account/security/authenticator-app?next=/apps')
  const typed = /id="secret"[^>]*value="([^"]*)"/.exec(page.body)?.[1]?.replaceAll(' ', '')
  const secret = secretOf(`otpauth://totp/x?secret=${typed}`)
  const shown = await browser.submit(page, { code: codeOf(secret) }, /authenticator-app$/)
  t.match(shown.body, 'href="/apps"', 'and goes on')
  t.equal((await browser.get('/apps')).statusCode, 200)
  t.equal(locationOf(await thief.get('/apps')).pathname, '/login', 'another session does not profit')
  const last = await browser.submit(await browser.get('/account/security'), {}, /authenticator-app\/remove$/)
  t.equal(last.statusCode, 409, 'the last factor stays')
  t.ok(await services.factors.has(user.id))

  const { url } = (await services.accountMail.invite({ name: 'Eve', email: 'eve@example.com' })) as { url: string }
  const invited = new Browser(app)
  const { pathname, search } = new URL(url)
  const fields = { password: PASSWORD, password_confirmation: PASSWORD }
  await invited.submit(await invited.get(pathname + search), fields, /reset-password$/)
  await invited.signIn({ email: 'eve@example.com' })
  t.equal(locationOf(await invited.get('/tokens')).pathname, '/account/security', 'so does who was invited')
})

t.test('MFA=admins: the first administrator chooses a password, then sets up a factor', async t => {
  const { app, services } = await testApp(t, { mfa: 'admins' })
  const first = await ensureFirstAdministrator(services)
  const { email, password } = first as { email: string; password: string }
  t.notMatch(startMessage(services.config, first), 'curl', 'the password alone gives no token')
  t.match(startMessage({ ...services.config, mfa: 'optional' }, first), 'curl')
  t.equal((await issue(app, { email }, { password })).statusCode, 403)
  const browser = new Browser(app)
  await browser.signIn({ email }, password)
  t.equal(locationOf(await browser.get('/manage')).pathname, '/new-password')
  t.equal(locationOf(await browser.get('/account/security')).pathname, '/new-password')
  const fields = { password: PASSWORD, password_confirmation: PASSWORD }
  await browser.submit(await browser.get('/new-password?next=/manage'), fields, /new-password$/)
  t.equal(locationOf(await browser.get('/manage')).pathname, '/account/security')
  const user = await newUser(services)
  t.equal((await issue(app, user)).statusCode, 201, 'users need none')
  await services.users.update(user.id, { role: 'admin' })
  t.equal((await issue(app, user)).statusCode, 403, 'until they are administrators')
})

t.test('an operator resets the factors of a user', async t => {
  const user = await newUser(services)
  const { code } = await withApp(services, user)
  const browser = new Browser(app, '10.250.0.1')
  await signInWithCode(browser, user, await code())
  const { headers } = await actingAs(services, ['admin:write'], { role: 'admin' })
  const reset = (id: string, by = headers) =>
    app.inject({ method: 'POST', url: `/admin/users/${id}/reset-factors`, headers: by })
  const { headers: weak } = await actingAs(services, ['admin:read'], { role: 'admin' })
  t.equal((await reset(user.id, weak)).statusCode, 403)
  t.equal((await reset('x')).statusCode, 404)
  t.equal((await reset(user.id)).statusCode, 200)
  t.same(await services.factors.list(user.id), { passkeys: [], app: undefined, recoveryCodes: 0 })
  t.equal(locationOf(await browser.get('/tokens')).pathname, '/login')
  t.equal((await issue(app, user)).statusCode, 201)

  const admin = new Browser(app, '10.251.0.1')
  const administrator = await newUser(services, 'admin')
  await admin.signIn(administrator)
  await withApp(services, user)
  const page = await admin.get(`/manage/users/${user.id}/reset-factors`)
  t.match(page.body, 'Reset the second factors of')
  t.equal((await admin.submit(page, {}, /reset-factors$/)).statusCode, 303)
  t.notOk(await services.factors.has(user.id))
  const own = await admin.get(`/manage/users/${administrator.id}/reset-factors`)
  t.equal((await admin.submit(own, {}, /reset-factors$/)).statusCode, 409, 'not their own')
})

t.test('what is added beside a reset does not survive it', async t => {
  const { headers } = await actingAs(services, ['admin:write'], { role: 'admin' })
  for (const pause of [0, 0, 1, 2, 3]) {
    const user = await newUser(services)
    const { code } = await withApp(services, user)
    const [browser, other] = [new Browser(app, `10.240.${pause}.1`), new Browser(app, `10.241.${pause}.1`)]
    await signInWithCode(browser, user, await code())
    await other.signIn(user)
    const [page, second] = [await browser.get('/account/security'), await other.get('/login/second-step')]
    const right = await code()
    const reset = async () => {
      for (let turn = 0; turn < pause; turn++) await new Promise(setImmediate)
      return app.inject({ method: 'POST', url: `/admin/users/${user.id}/reset-factors`, headers })
    }
    const [, , done] = await Promise.all([
      browser.submit(page, {}, /recovery-codes$/),
      other.submit(second, { code: right }, /second-step$/),
      reset(),
    ])
    t.equal(done.statusCode, 200)
    t.same(await services.factors.list(user.id), { passkeys: [], app: undefined, recoveryCodes: 0 })
    t.same(await services.sessions.list(user.id), [])
  }
})
