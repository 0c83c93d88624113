import t from 'tap'
import { actingAs, newUser, PASSWORD, testApp } from '../helpers/app.ts'
import { authorizeUrl, Browser } from '../helpers/browser.ts'
import { testNodes } from '../helpers/nodes.ts'
import { requester } from '../helpers/requester.ts'

const { app, services } = await testApp(t)
await newUser(services, 'user', 'ada@example.com')
await newUser(services, 'user', 'cope@scope.example')

const NEW = [
  ['a control', 'ad\u0001a@example.org'],
  ['a zero-width space in the name', 'ad\u200ba@example.org'],
  ['a zero-width space in the domain', 'ada@exam\u200bple.org'],
  ['a soft hyphen in the domain', 'ada@exam\u00adple.org'],
  ['an override of direction', 'ada\u202e@example.org'],
  ['a private character', 'ada\ue000@example.org'],
  ['Cyrillic among Latin', '\u0430da@example.org'],
  ['Cyrillic among Latin in the domain', 'ada@ex\u0430mple.com'],
  ['Greek among Latin', 'ad\u03b1@example.org'],
  ['an existing address in Cyrillic', '\u0441\u043e\u0440\u0435@scope.example'],
  ['an existing domain in Cyrillic', 'cope@\u0455\u0441\u043e\u0440\u0435.example'],
] as const

t.test('an address that shows something else than it is is refused, on every way to a new one', async t => {
  const { headers, user } = await actingAs(services)
  const admin = await actingAs(services, ['admin:write'], { role: 'admin' })
  for (const [what, email] of NEW) {
    const person = { email, name: 'Eve', password: PASSWORD }
    t.equal((await requester(app, admin.headers).post('/admin/users', person)).statusCode, 422, `${what}: admin`)
    const change = { email, current_password: PASSWORD }
    t.equal((await requester(app, headers).put('/api/user', change)).statusCode, 422, `${what}: own`)
  }
  t.equal((await services.users.find(user.id)).email, user.email)
})

t.test('of two addresses that look alike the second one is refused, whichever is the Latin one', async t => {
  const admin = await actingAs(services, ['admin:write'], { role: 'admin' })
  const create = (email: string) =>
    requester(app, admin.headers).post('/admin/users', { email, name: 'Eve', password: PASSWORD })
  for (const [first, second] of [
    ['\u0440\u0430\u0443@\u0441\u043e\u0440\u0435.example', 'pay@cope.example'],
    ['pay@scope.example', '\u0440\u0430\u0443@\u0455\u0441\u043e\u0440\u0435.example'],
    ['\u0445\u043e\u0445\u043e@example.org', '\u03c7\u03bf\u03c7\u03bf@example.org'],
  ] as const) {
    const made = await create(first)
    t.equal(made.statusCode, 201, made.body)
    const refused = await create(second)
    t.match(refused.json(), { status: 422, errors: [{ path: 'email', message: 'is taken' }] }, second)
    const person = await newUser(services)
    await t.rejects(services.users.update(person.id, { email: second }), { status: 422 } as never)
    const same = await services.users.update(made.json().data.id, { email: first })
    t.equal(same.email, first, 'the user keeps the address')
    await services.users.update(made.json().data.id, { email: `moved.${first}` })
    t.equal((await create(second)).statusCode, 201, 'a changed address is free')
  }
})

t.test('of two look-alikes at once on two nodes, one is taken', async t => {
  const [one, two] = await testNodes(t)
  const created = await Promise.allSettled([
    newUser(one.services, 'user', '\u0441\u043e\u0440\u0430@example.org'),
    newUser(two.services, 'user', 'copa@example.org'),
  ])
  t.strictSame(created.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
})

t.test('addresses in one script each, and those that are written together, are fine', async t => {
  for (const email of [
    'иван@пример.example',
    'ivan@пример.example',
    'josé@münchen.example',
    '山田taro@例え.example',
    '김mina@example.org',
    'a-1.b_2+c@example.org',
    'δοκιμή@παράδειγμα.example',
  ]) {
    t.match(await newUser(services, 'user', email), { email }, email)
  }
})

t.test('the address of an owner is no identity on the consent page', async t => {
  const owner = await newUser(services)
  const browser = new Browser(app)
  await browser.signIn(await newUser(services))
  const redirectUris = ['https://app.example/callback']
  const { client } = await services.clients.create({ name: 'App', redirectUris, userId: owner.id })
  const page = await browser.get(authorizeUrl(client))
  t.match(page.body, owner.name)
  t.notMatch(page.body, owner.email)
  await browser.approve(authorizeUrl(client))
  t.notMatch((await browser.get('/apps')).body, owner.email)
})
