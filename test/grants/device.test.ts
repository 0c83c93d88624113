import t from 'tap'
import { createDevice } from '../../src/grants/device.ts'
import { newUser, testApp } from '../helpers/app.ts'
import { ask, poll, television, typed } from '../helpers/device.ts'
import { expire } from '../helpers/expiry.ts'
import { grantAccess, refresh } from '../helpers/granted-tokens.ts'

const { app, services } = await testApp(t)
const tv = await television(services)
const begun = async (params = {}) => (await ask(app, tv, params)).json()

t.test('a code is typed as people type', async t => {
  const waiting = await begun({ scope: 'orders:read reports' })
  const code: string = waiting.user_code
  const spellings = [
    code,
    code.replace('-', ''),
    code.toLowerCase(),
    ` ${code.replace('-', ' – ')} `,
    [...code].join('-'),
  ]
  for (const spelling of spellings) {
    const found = await typed(services, { user_code: spelling })
    t.match(found, { client: { id: tv.client.id, name: 'television' }, scopes: ['orders:read', 'reports'] }, spelling)
  }
})

t.test('unknown, expired and answered are alike', async t => {
  const user = await newUser(services)
  const [expired, answered] = [await begun(), await begun()]
  await services.device.deny((await typed(services, answered)).id, user)
  const { id } = await typed(services, expired)
  await expire(services.db, 'oauth_device_codes', 'id = ?', [id])
  const codes = [expired.user_code, answered.user_code, 'BBBB-BBBB', '', 'x', '\0'.repeat(8), 'ÄÖÜ', 'A'.repeat(1e6)]
  for (const code of codes)
    t.equal(await services.device.find(code, { address: '192.0.2.1', shared: false }), undefined)
  await t.rejects(services.device.approve(id, user), { code: 'conflict' })
  await t.rejects(services.device.deny(id, user), { code: 'conflict' })
})

t.test('one answer counts', async t => {
  const user = await newUser(services)
  const waiting = await begun()
  const { id } = await typed(services, waiting)
  const tries = Array.from({ length: 10 }, (_, i) => services.device[i % 2 ? 'approve' : 'deny'](id, user))
  const settled = await Promise.allSettled(tries)
  t.equal(settled.filter(s => s.status === 'fulfilled').length, 1)
})

t.test('consent is remembered, and written down', async t => {
  const user = await newUser(services)
  const { id } = await typed(services, await begun({ scope: 'reports' }))
  await services.device.approve(id, user)
  const where = [user.id, tv.client.id]
  const [consent] = await services.db.query(
    'select scopes from oauth_consents where user_id = ? and client_id = ?',
    where,
  )
  t.match(consent, { scopes: ['reports'] })
  const sql = "select kind, details from audit_events where user_id = ? and client_id = ? and kind like 'consent.%'"
  t.match(await services.db.query(sql, where), [{ kind: 'consent.granted', details: { scopes: ['reports'] } }])
})

t.test("a user's consent is no administrator's", async t => {
  const by = await television(services, { scopes: ['orders:read', 'admin:read'] })
  for (const [role, scope] of [
    ['user', 'orders:read'],
    ['admin', 'orders:read admin:read'],
  ] as const) {
    const waiting = (await ask(app, by, { scope: 'orders:read admin:read' })).json()
    await services.device.approve((await typed(services, waiting)).id, await newUser(services, role))
    t.match((await poll(app, by, waiting)).json(), { scope })
  }
})

t.test('wrong codes are counted for an address, and for all of them together', async t => {
  const { app, services } = await testApp(t)
  const waiting = (await ask(app, await television(services))).json()
  const wrong = (address: string) => services.device.find('BBBB-BBBB', { address, shared: false })
  for (let i = 0; i < 20; i++) await wrong('192.0.2.1')
  t.match(await wrong('192.0.2.1').catch(error => error), { status: 429, headers: { 'retry-after': /^\d+$/ } })
  await t.rejects(
    services.device.find(waiting.user_code, { address: '192.0.2.1', shared: false }),
    { code: 'too_many_attempts' },
    'a right one neither',
  )
  for (let i = 0; i < 30; i++)
    t.ok(await services.device.find(waiting.user_code, { address: '192.0.2.2', shared: false }))
  for (let i = 0; i < 979; i++) await wrong(`10.0.${i >> 8}.${i & 255}`)
  t.ok(await services.device.find(waiting.user_code, { address: '192.0.2.2', shared: false }))
  await wrong('192.0.2.3')
  await t.rejects(services.device.find(waiting.user_code, { address: '192.0.2.4', shared: false }), {
    code: 'too_many_attempts',
  })
})

t.test('a code that another device has is drawn again', async t => {
  const codes = ['BCDFGHJK', 'BCDFGHJK', 'BCDFGHJK', 'LMNPQRST']
  const device = createDevice({ ...services, newUserCode: () => codes.shift() ?? 'BCDFGHJK' })
  const request = { client: tv.client, params: {} }
  t.equal((await device.start(request)).user_code, 'BCDF-GHJK')
  t.equal((await device.start(request)).user_code, 'LMNP-QRST')
  await t.rejects(device.start(request), 'but not for ever')
})

t.test('what a user takes back is taken back from the device', async t => {
  const user = await newUser(services)
  const granted = await grantAccess(services, user)
  const waiting = await begun()
  await services.device.approve((await typed(services, waiting)).id, user)
  await services.signOut(user.id)
  t.match((await poll(app, tv, waiting)).json(), { error: 'access_denied' })
  t.match((await refresh(app, granted)).json(), { error: 'invalid_grant' })
})
