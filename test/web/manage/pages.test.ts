import t from 'tap'
import { newUser, testApp } from '../../helpers/app.ts'
import { Browser, formOf, locationOf } from '../../helpers/browser.ts'

const NOBODY = '01939f4e-8a4c-7b60-b5a4-6f6d5c3f2a12'
const XSS = '"><script>alert(1)</script><img src=x onerror=alert(1)>'

const { app, services } = await testApp(t)
const admin = await newUser(services, 'admin')
const person = await newUser(services)
const { client } = await services.clients.create({
  name: `app ${XSS}`,
  redirectUris: ["https://app.example/cb?'onmouseover='alert(1)"],
  userId: person.id,
})
const { token } = await services.tokens.issuePersonal({ user: person, name: `token ${XSS}`, scopes: ['orders:read'] })
await services.users.update(person.id, { name: `person ${XSS}` })
const trust = await services.trusts.create({
  // Its form has the name in an attribute, where escaped handlers would look like real ones.
  name: 'trust "><script>alert(1)</script>',
  issuer: 'https://ci.example.com',
  match: { sub: XSS, [XSS.replaceAll(' ', '')]: 'x' },
  pin: [XSS.replaceAll(' ', '')],
  userId: person.id,
  scopes: ['orders:read'],
})

const asAdmin = new Browser(app)
await asAdmin.signIn(admin)
const asUser = new Browser(app)
await asUser.signIn(person)

const PAGES = [
  '/manage',
  '/manage?days=90',
  '/manage/users',
  '/manage/users?q=example',
  '/manage/users/new',
  `/manage/users/${person.id}`,
  `/manage/users/${person.id}/tokens`,
  `/manage/users/${person.id}/tokens/new`,
  `/manage/users/${person.id}/tokens/revoke`,
  '/manage/clients',
  '/manage/clients/new?kind=api',
  '/manage/blocked-hosts',
  `/manage/clients/${client.id}`,
  `/manage/clients/${client.id}/verify`,
  `/manage/clients/${client.id}/revoke`,
  '/manage/tokens',
  `/manage/tokens?user=${person.id}&state=all&scope=orders:read`,
  `/manage/tokens/revoke?user=${person.id}`,
  `/manage/tokens/${token.id}`,
  `/manage/tokens/${token.id}/revoke`,
  '/manage/trusts',
  '/manage/trusts/new',
  `/manage/trusts/${trust.id}`,
  `/manage/trusts/${trust.id}/remove`,
  '/manage/keys',
  '/manage/keys/rotate',
  '/manage/audit',
  `/manage/audit?user=${person.id}&since=2020-01-01`,
]

const FORMS = [
  '/manage/users',
  `/manage/users/${person.id}/password`,
  `/manage/users/${person.id}/disable`,
  `/manage/users/${person.id}/enable`,
  `/manage/users/${person.id}`,
  `/manage/users/${person.id}/sign-out`,
  `/manage/users/${person.id}/tokens`,
  `/manage/users/${person.id}/tokens/revoke`,
  '/manage/clients',
  `/manage/clients/${client.id}/settings`,
  `/manage/clients/${client.id}/verify`,
  `/manage/clients/${client.id}/unverify`,
  `/manage/clients/${client.id}/secret`,
  `/manage/clients/${client.id}/revoke`,
  '/manage/tokens/revoke',
  `/manage/tokens/${token.id}/revoke`,
  '/manage/keys/rotate',
  '/manage/blocked-hosts',
  '/manage/blocked-hosts/unblock',
]

const trail = async () => (await services.auditLog.list({}, { limit: 1 }))[0]?.id

t.test('each page', async t => {
  for (const url of PAGES) {
    await t.test(url, async t => {
      const answer = await asAdmin.get(url)
      t.equal(answer.statusCode, 200)
      t.match(answer.headers, { 'cache-control': 'no-store', 'content-type': /^text\/html/ })
      t.match(answer.body, '<h1>')
      t.notMatch(answer.body, /undefined|\[object|NaN/, 'is whole')
      // In the value of an attribute, an escaped handler looks like a real one.
      const markup = answer.body.replaceAll(/="[^"]*"/g, '=""')
      t.notMatch(markup, /<script>|<img|<[^>]* (on\w+|style)=/, 'runs nothing of what people wrote')
      for (const [, link = ''] of answer.body.matchAll(/(?:href|src|action)="([^"]*)"/g)) t.match(link, /^(\/(?!\/)|#)/)

      const refused = await asUser.get(url)
      t.equal(refused.statusCode, 403, 'is for administrators')
      t.notMatch(refused.body, /<table|<dl/)
      const away = await new Browser(app).get(url)
      t.equal(away.statusCode, 303)
      t.equal(locationOf(away).searchParams.get('next'), url, 'leads whoever is signed out back here')
    })
  }
})

t.test('each form', async t => {
  const { fields: ours } = formOf((await asAdmin.get('/manage/keys/rotate')).body, /rotate$/)
  const { fields: theirs } = formOf((await asUser.get('/device')).body, /device$/)
  const before = await trail()
  for (const url of FORMS) {
    const statuses = [
      (await asAdmin.post(url, {})).statusCode,
      (await asAdmin.post(url, { _csrf: 'x' })).statusCode,
      (await asAdmin.post(url, theirs)).statusCode,
      (await asUser.post(url, theirs)).statusCode,
      (await asUser.post(url, ours)).statusCode,
      (await new Browser(app).post(url, ours)).statusCode,
    ]
    t.strictSame(statuses, [403, 403, 403, 403, 403, 401], url)
  }
  t.equal(await trail(), before, 'nothing happened')
  t.equal((await asAdmin.get('/manage/keys')).statusCode, 200)
})

t.test('unknown ids get a page that says so', async t => {
  const { fields } = formOf((await asAdmin.get('/manage/keys/rotate')).body, /rotate$/)
  for (const id of [NOBODY, 'x', '%3Cb%3E']) {
    for (const url of [
      `users/${id}`,
      `users/${id}/tokens/new`,
      `users/${id}/tokens/revoke`,
      `clients/${id}`,
      `clients/${id}/revoke`,
      `tokens/${id}`,
      `tokens/${id}/revoke`,
    ])
      t.equal((await asAdmin.get(`/manage/${url}`)).statusCode, 404, url)
    for (const url of FORMS.filter(form => /[0-9a-f]{12}\//.test(form)).map(form => form.replace(/[0-9a-f-]{36}/, id)))
      t.equal((await asAdmin.post(url, fields)).statusCode, 404, url)
  }
})

t.test('invalid filters are reported on the page', async t => {
  const bad = [
    'tokens?user=nobody@example.com',
    'tokens?client=x',
    `tokens?client=${NOBODY}`,
    'tokens?made_before=yesterday',
    'tokens?unused_since=2026-02-99',
    'tokens?cursor=x',
    'tokens/revoke',
    'tokens/revoke?state=all',
    'tokens/revoke?user=nobody@example.com',
    'tokens?user=a&user=b',
    'audit?kind=nope',
    'audit?token=x',
    'audit?since=x',
    'audit?cursor=x',
    'users?cursor=x',
    'users?q=%00',
    'users?q=%ff',
  ]
  for (const url of bad) {
    const answer = await asAdmin.get(`/manage/${url}`)
    t.equal(answer.statusCode, 400, url)
    t.match(answer.headers['content-type'], 'text/html', url)
    t.notMatch(answer.body, / at .*\.ts:|select .* from|node_modules/)
  }
})
