import t from 'tap'
import { actingAs, newUser, PASSWORD, testApp } from '../helpers/app.ts'
import { Browser, formOf } from '../helpers/browser.ts'

const { app, services } = await testApp(t)
const NEXT = 'battery staple horse'

t.test('without a mail server, what needs one is absent', async t => {
  const browser = new Browser(app)
  t.notMatch((await browser.get('/login')).body, /forgot/)
  t.equal((await browser.get('/forgot-password')).statusCode, 404)
})

t.test('an administrator passes on the link of an invitation', async t => {
  const admin = await newUser(services, 'admin')
  const browser = new Browser(app)
  await browser.signIn(admin)
  const page = await browser.submit(
    await browser.get('/manage/users/new'),
    { name: 'Grace', email: 'grace@example.com', role: 'user' },
    /manage\/users$/,
  )
  t.equal(page.statusCode, 200)
  const link = /value="(http:[^"]+)"/.exec(page.body)?.[1] as string
  const { pathname, search } = new URL(link)
  const grace = new Browser(app)
  const form = await grace.get(pathname + search)
  t.match(form.body, 'For the account <bdi>grace@example.com</bdi>')
  await grace.submit(form, { password: NEXT, password_confirmation: NEXT }, /reset-password$/)
  t.equal((await grace.signIn({ email: 'grace@example.com' }, NEXT)).statusCode, 303)

  const { headers } = await actingAs(services, ['admin:write'], { user: admin })
  const payload = { email: 'alan@example.com', name: 'Alan' }
  const created = (await app.inject({ method: 'POST', url: '/admin/users', headers, payload })).json()
  t.match(created.invitation, { sent: false, url: /^http:\/\/localhost:3000\/reset-password\?link=[\w-]{43}$/ })
  const detail = await browser.get(`/manage/users/${created.data.id}`)
  const again = await browser.submit(detail, {}, /invitation$/)
  t.equal(again.statusCode, 200)
  t.match(again.body, 'reset-password?link=')
})

t.test('an address that a user changed is shown nowhere until it is confirmed', async t => {
  const { user, headers } = await actingAs(services, ['user:read', 'tokens:write'])
  const email = `self-${user.email}`
  const payload = { email, current_password: PASSWORD }
  const answer = await app.inject({ method: 'PUT', url: '/api/user', headers, payload })
  t.equal(answer.statusCode, 200)
  t.equal(answer.json().data.email, email)
  t.equal((await services.users.find(user.id)).emailConfirmedAt, null)
  await services.users.update(user.id, { email })
  t.ok((await services.users.find(user.id)).emailConfirmedAt, 'an address that an administrator enters counts')
})

t.test('the forms need their own session', async t => {
  const browser = new Browser(app)
  const { action, fields } = formOf((await browser.get('/login')).body, /login$/)
  t.ok(action && fields._csrf)
  for (const _csrf of [undefined, 'x']) {
    t.equal((await browser.post('/reset-password', { _csrf, link: 'x', password: NEXT })).statusCode, 403)
  }
})
