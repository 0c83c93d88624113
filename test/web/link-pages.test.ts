import t from 'tap'
import { actingAs, newUser, PASSWORD, testApp } from '../helpers/app.ts'
import { Browser, locationOf } from '../helpers/browser.ts'
import { linkIn, mailSettings, openMailServer } from '../helpers/mail.ts'

const server = await openMailServer(t)
const { app, services } = await testApp(t, mailSettings(server))
services.listen()
const NEXT = 'battery staple horse'
const FORGOT = /forgot-password$/
const RESET = /reset-password$/

let networks = 0
/** From a network of its own, since the requests of each one are limited. */
const ask = async (email: string, browser = new Browser(app, `198.51.100.${++networks}`)) =>
  browser.submit(await browser.get('/forgot-password'), { email }, FORGOT)

async function linkFor(email: string): Promise<string> {
  await ask(email)
  return linkIn(await server.take(email))
}

t.test('a forgotten password is replaced by a link, once', async t => {
  const user = await newUser(services)
  const signedIn = new Browser(app)
  await signedIn.signIn(user)
  t.match((await signedIn.get('/login?next=/x')).body, 'href="/forgot-password"')
  const mail = await server.take(user.email)
  t.equal(mail.subject, 'New sign-in to localhost:3000', 'a sign-in with a new browser is reported')

  const answer = await ask(user.email)
  t.equal(answer.statusCode, 200)
  const reset = await server.take(user.email)
  t.equal(reset.subject, 'Reset your password for localhost:3000')
  t.equal(reset.from?.text, '"Postern" <no-reply@example.com>')
  t.match(reset.html, /<a href="http:\/\/localhost:3000\/reset-password\?link=[\w-]{43}"/)
  t.equal(reset.headers.get('auto-submitted'), 'auto-generated')
  const path = linkIn(reset)

  const browser = new Browser(app)
  const page = await browser.get(path)
  t.equal(page.headers['referrer-policy'], 'no-referrer')
  t.equal((await browser.get(path)).statusCode, 200, 'opening the link does not use it up')
  t.match((await browser.submit(page, { password: NEXT, password_confirmation: 'x' }, RESET)).body, 'do not match')
  const weak = await browser.submit(page, { password: 'password', password_confirmation: 'password' }, RESET)
  t.equal(weak.statusCode, 400)
  const done = await browser.submit(page, { password: NEXT, password_confirmation: NEXT }, RESET)
  t.equal(done.headers.location, '/login')
  t.match((await browser.get('/login')).body, 'Your password was saved')
  t.equal((await server.take(user.email)).subject, 'Your password for localhost:3000 was changed')

  t.equal((await signedIn.get('/account')).statusCode, 303, 'the session has ended')
  t.equal((await browser.submit(page, { password: PASSWORD, password_confirmation: PASSWORD }, RESET)).statusCode, 410)
  t.equal((await browser.get(path)).statusCode, 410)
  t.equal(await services.users.authenticate(user.email, PASSWORD), undefined)
  t.ok(await services.users.authenticate(user.email, NEXT))
})

t.test('mails are in the language of the account, whoever caused them', async t => {
  const user = await newUser(services)
  await services.users.setLanguage(user.id, 'de')
  await ask(user.email)
  const reset = await server.take(user.email)
  t.equal(reset.subject, 'Dein Passwort für localhost:3000 zurücksetzen')
  t.match(reset.text, `Hallo ${user.name},`)
  t.match(reset.html, '<html lang="de">')
})

t.test('the response is the same for an address without an account', async t => {
  const user = await newUser(services)
  const [known, unknown] = await Promise.all([ask(user.email), ask('nobody@example.com')])
  await server.take(user.email)
  t.equal(unknown.statusCode, known.statusCode)
  t.equal(unknown.body.replace('nobody@example.com', user.email).length, known.body.length)
  const disabled = await newUser(services)
  await services.users.disable(disabled.id)
  t.equal((await ask(disabled.email)).statusCode, 200)
  // A later mail to another user arrives; mails are sent in order.
  await linkFor((await newUser(services)).email)
  t.notOk(server.mails.some(({ text }) => text?.includes('nobody@example.com')))
  t.notOk(server.mails.some(({ to }) => [to].flat()[0]?.text === disabled.email))
})

t.test('a link does not work after it was replaced, misused or outdated', async t => {
  const browser = new Browser(app)
  for (const link of ['', 'x', 'a'.repeat(43), '../x']) {
    t.equal((await browser.get(`/reset-password?link=${link}`)).statusCode, 410, link)
  }
  const user = await newUser(services)
  const two = [await linkFor(user.email), await linkFor(user.email)]
  const pages = await Promise.all(two.map(path => browser.get(path)))
  const answers = await Promise.all(
    pages.map(page => browser.submit(page, { password: NEXT, password_confirmation: NEXT }, RESET)),
  )
  t.same(answers.map(({ statusCode }) => statusCode).sort(), [303, 410], 'both at once: one is used')
  await server.take(user.email)

  const moved = await newUser(services)
  const path = await linkFor(moved.email)
  await services.users.update(moved.id, { email: `moved-${moved.email}` })
  t.equal((await browser.get(path)).statusCode, 410, 'who reads the mails of a former address')
  t.equal((await server.take(moved.email)).subject, 'Your e-mail address for localhost:3000 was changed')

  const disabled = await newUser(services)
  const other = await linkFor(disabled.email)
  await services.users.disable(disabled.id)
  t.equal((await browser.get(other)).statusCode, 410)

  const late = await newUser(services)
  const expired = await linkFor(late.email)
  await services.db.query('update user_links set expires_at = now() where user_id = ?', [late.id])
  t.equal((await browser.get(expired)).statusCode, 410)
})

t.test('a link from before a change of the password or the state does not undo it', async t => {
  const { accountMail, users } = services
  const changed = await newUser(services)
  const before = await linkFor(changed.email)
  await users.setPassword(changed.id, NEXT)
  t.equal((await new Browser(app).get(before)).statusCode, 410)
  const disabled = await newUser(services)
  const other = await linkFor(disabled.email)
  await users.disable(disabled.id)
  await users.enable(disabled.id)
  t.equal((await new Browser(app).get(other)).statusCode, 410)
  const invitation = await accountMail.invite({ email: 'late@example.com', name: 'Late' })
  const path = linkIn(await server.take('late@example.com'))
  await users.setPassword(invitation.user.id, NEXT)
  t.equal((await new Browser(app).get(path)).statusCode, 410)
})

t.test('one address gets at most three links in a while, and nobody is told', async t => {
  const user = await newUser(services)
  for (let i = 0; i < 5; i++) t.equal((await ask(user.email)).statusCode, 200)
  await linkFor((await newUser(services)).email)
  t.equal(server.mails.filter(({ to }) => [to].flat()[0]?.text === user.email).length, 3)
})

t.test('one network asks for so many links, and is told when to try again', async t => {
  const browser = new Browser((await testApp(t, mailSettings(server))).app)
  const page = await browser.get('/forgot-password')
  let answer = page
  for (let i = 0; i < 400 && answer.statusCode !== 429; i++)
    answer = await browser.submit(page, { email: `nobody${i}@example.com` }, FORGOT)
  t.equal(answer.statusCode, 429)
  t.ok(Number(answer.headers['retry-after']) > 0)
})

t.test('a new address counts once it is confirmed by its link', async t => {
  const user = await newUser(services)
  const browser = new Browser(app)
  await browser.signIn(user)
  await server.take(user.email)
  const email = `new-${user.email}`
  const change = { name: 'Ada', email, current_password: PASSWORD }
  const answer = await browser.submit(await browser.get('/account'), change, /account$/)
  t.equal(answer.headers.location, '/account')
  t.match((await browser.get('/account')).body, 'We have sent a link to')
  t.equal((await services.users.find(user.id)).email, user.email, 'not yet')
  const path = linkIn(await server.take(email))

  const stranger = new Browser(app)
  t.equal(locationOf(await stranger.get(path)).pathname, '/login', 'a stranger who got the mail has to sign in')
  const other = new Browser(app)
  await other.signIn(await newUser(services))
  t.equal((await other.submit(await other.get(path), {}, /confirm-email$/)).statusCode, 410, 'as this user')
  t.equal((await services.users.find(user.id)).email, user.email)

  const done = await browser.submit(await browser.get(path), {}, /confirm-email$/)
  t.equal(done.headers.location, '/account')
  t.equal((await services.users.find(user.id)).email, email)
  t.equal((await server.take(user.email)).subject, 'Your e-mail address for localhost:3000 was changed')
})

t.test('nobody can have many mails sent to an address of somebody else', async t => {
  const { headers } = await actingAs(services, ['user:read'])
  for (let i = 0; i < 5; i++) {
    const payload = { email: 'victim@example.net', current_password: PASSWORD }
    const request = { method: 'PUT', url: '/api/user', headers, payload, remoteAddress: '203.0.113.9' } as const
    t.equal((await app.inject(request)).statusCode, 202)
  }
  await linkFor((await newUser(services)).email)
  t.equal(server.mails.filter(({ to }) => [to].flat()[0]?.text === 'victim@example.net').length, 3)
})

t.test('whether an address is taken is told to its owner only', async t => {
  const taken = await newUser(services)
  const { user, headers } = await actingAs(services, ['user:read'])
  const put = (email: string) =>
    app.inject({
      method: 'PUT',
      url: '/api/user',
      headers,
      payload: { email, current_password: PASSWORD },
      remoteAddress: '203.0.113.10',
    })
  const [free, same] = [await put(`free-${user.email}`), await put(taken.email)]
  t.equal(free.statusCode, 202)
  t.equal(same.statusCode, 202)
  t.same(same.json(), free.json())
  t.equal(same.json().data.email, user.email)
  const mail = await server.take(taken.email)
  t.match(mail.text, 'belongs to an account already')
  t.notMatch(mail.text, /link=/)
})

t.test('an invited user chooses a password', async t => {
  const { headers } = await actingAs(services, ['admin:write'], { role: 'admin' })
  const payload = { email: 'grace@example.com', name: 'Grace Hopper' }
  const created = await app.inject({ method: 'POST', url: '/admin/users', headers, payload })
  t.equal(created.statusCode, 201)
  t.same(created.json().invitation, { sent: true })
  const mail = await server.take('grace@example.com')
  t.equal(mail.subject, 'Your account at localhost:3000')
  const browser = new Browser(app)
  const page = await browser.get(linkIn(mail))
  await browser.submit(page, { password: NEXT, password_confirmation: NEXT }, RESET)
  t.ok(await services.users.authenticate('grace@example.com', NEXT))
  const url = `/admin/users/${created.json().data.id}/invitation`
  t.equal((await app.inject({ method: 'POST', url, headers })).statusCode, 409)
})

t.test('the owner of a token that can change the account is told', async t => {
  const { user } = await actingAs(services, ['tokens:write', 'orders:read'])
  const mail = await server.take(user.email)
  t.match(mail.text, 'A token named “test” was created')
  t.match(mail.text, 'tokens:write.')
  const { user: quiet } = await actingAs(services, ['orders:read', 'tokens:read'])
  await linkFor(quiet.email)
  t.equal(server.mails.filter(({ to }) => [to].flat()[0]?.text === quiet.email).length, 1)
})
