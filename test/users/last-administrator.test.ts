import t from 'tap'
import { actingAs, newUser, testApp } from '../helpers/app.ts'
import { Browser, formOf } from '../helpers/browser.ts'
import { testNodes } from '../helpers/nodes.ts'
import { isProblem } from '../helpers/problem.ts'
import { requester } from '../helpers/requester.ts'

t.test('the last administrator can be neither disabled nor made a user', async t => {
  const { app, services } = await testApp(t)
  const admin = await actingAs(services, ['admin:read', 'admin:write'], { role: 'admin' })
  const ask = requester(app, admin.headers)
  const path = `/admin/users/${admin.user.id}`
  const ways = {
    'by disabling': await ask.post(`${path}/disable`),
    'by a role': await ask.patch(path, { role: 'user' }),
    'by a role among others': await ask.patch(path, { name: 'Other', role: 'user' }),
  }
  for (const [way, answer] of Object.entries(ways)) {
    isProblem(t, answer, 409, way)
    t.match(answer.json().detail, /last administrator/)
  }
  t.match(await services.users.find(admin.user.id), { role: 'admin', disabledAt: null, name: 'Ada Lovelace' })
  await t.rejects(services.users.disable(admin.user.id), /last administrator/, 'by an application that embeds it')
  await t.rejects(services.users.update(admin.user.id, { role: 'user' }), /last administrator/)
  t.equal((await ask.patch(path, { name: 'Grace', role: 'admin' })).statusCode, 200, 'another name is no harm')

  const second = await newUser(services, 'admin')
  await services.users.disable(second.id)
  isProblem(t, await ask.post(`${path}/disable`), 409, 'one who cannot sign in is no administrator')
  t.equal((await ask.post(`/admin/users/${second.id}/disable`)).statusCode, 200, 'twice is once')
  t.equal((await ask.patch(`/admin/users/${second.id}`, { role: 'user' })).statusCode, 200)
  const ordinary = await newUser(services)
  t.equal((await ask.post(`/admin/users/${ordinary.id}/disable`)).statusCode, 200)
  const third = await newUser(services, 'admin')
  t.equal((await ask.patch(path, { role: 'user' })).statusCode, 200, 'with another one')
  await t.rejects(services.users.disable(third.id), /last administrator/)
})

t.test('the page says so too', async t => {
  const { app, services } = await testApp(t)
  const [one, other] = [await newUser(services, 'admin'), await newUser(services, 'admin')]
  const browser = new Browser(app)
  await browser.signIn(one)
  const page = await browser.get(`/manage/users/${other.id}`)
  t.equal((await browser.submit(page, {}, /disable$/)).statusCode, 303)
  const own = await browser.post(`/manage/users/${one.id}/disable`, formOf(page.body, /disable$/).fields)
  t.equal(own.statusCode, 409)
})

t.test('two administrators who disable or demote each other at once leave one', async t => {
  const [one, two] = await testNodes(t)
  for (let round = 0; round < 8; round++) {
    const before = await administrators()
    const pair = [await newUser(one.services, 'admin'), await newUser(one.services, 'admin')] as const
    for (const id of before) await one.services.users.update(id, { role: 'user' })
    const done = await Promise.allSettled([
      round % 2 ? one.services.users.disable(pair[0].id) : one.services.users.update(pair[0].id, { role: 'user' }),
      round % 4 > 1 ? two.services.users.disable(pair[1].id) : two.services.users.update(pair[1].id, { role: 'user' }),
    ])
    t.equal(done.filter(({ status }) => status === 'fulfilled').length, 1)
    t.equal((await administrators()).length, 1)
  }

  async function administrators(): Promise<string[]> {
    const sql = `select id from users where role = 'admin' and disabled_at is null`
    return (await one.services.db.query<{ id: string }>(sql)).map(({ id }) => id)
  }
})
