import t from 'tap'
import { createServices } from '../../src/services.ts'
import { actingAs, CATALOGUE, newUser, testApp } from '../helpers/app.ts'
import { Browser } from '../helpers/browser.ts'
import { bearer, requester } from '../helpers/requester.ts'

const { app, services } = await testApp(t)
const opens = async (token: string) => (await requester(app, bearer(token)).get('/api/user')).statusCode === 200
const OVERLAP = { overlap: 3600 }
const living = async (id: string) => (await services.tokens.list(id, { limit: 50 })).map(token => token.id)

for (const format of ['jwt', 'opaque'] as const) {
  for (const way of ['current', 'id'] as const) {
    t.test(`a rotation that is sent again replaces the successor that nobody saw: ${format}, ${way}`, async t => {
      const user = await newUser(services)
      const old = await actingAs(services, ['orders:read', 'tokens:write'], { user, format })
      const path = `/api/tokens/${way === 'id' ? old.id : way}/rotate`
      const api = requester(app, old.headers)
      const lost = (await api.post(path, OVERLAP)).json()
      const promised = (await api.get('/api/tokens/current')).json().data.expires_at
      const again = await api.post(path, { overlap: 604_800 })
      t.equal(again.statusCode, 201)
      const { token, data } = again.json()
      t.equal(data.expires_at, lost.data.expires_at, 'it lives as long as the lost one would have')
      t.match(data, { name: lost.data.name, scopes: lost.data.scopes, format })
      t.notOk(await opens(lost.token), 'the lost one is dead')
      t.ok(await opens(token))
      t.equal((await api.get('/api/tokens/current')).json().data.expires_at, promised, 'the first promise stands')
      t.strictSame((await living(user.id)).sort(), [old.id, data.id].sort())
    })
  }
}

t.test('a successor that is in use is not replaced', async t => {
  const old = await actingAs(services, ['orders:read', 'tokens:rotate'])
  const api = requester(app, old.headers)
  const { token, data } = (await api.post('/api/tokens/current/rotate', OVERLAP)).json()
  t.ok(await opens(token))
  const again = await api.post('/api/tokens/current/rotate', OVERLAP)
  t.match(again.json(), { status: 409, detail: new RegExp(data.id) })
  t.ok(await opens(token))
  t.equal((await living(old.user.id)).length, 2)
})

t.test('a successor that was renamed, narrowed, suspended, rotated or revoked was seen by somebody', async t => {
  const acts: ((id: string, user: { id: string; role: 'user' }) => Promise<unknown>)[] = [
    (id, user) => services.tokens.change(user, id, { name: 'mine' }),
    (id, user) => services.tokens.change(user, id, { scopes: [] }),
    (id, user) => services.tokens.change(user, id, { suspended: true }),
    (id, user) => services.tokens.rotate(user, id, { overlapSeconds: 3600 }),
    (id, user) => services.tokens.revoke(user.id, id),
  ]
  for (const act of acts) {
    const old = await actingAs(services, ['orders:read', 'tokens:rotate'])
    const user = { id: old.user.id, role: 'user' as const }
    const { token } = await services.tokens.rotate(user, old.id, { overlapSeconds: 3600 })
    await new Promise(resolve => setImmediate(resolve))
    await act(token.id, user)
    await t.rejects(services.tokens.rotate(user, old.id, { overlapSeconds: 3600 }), /has already been rotated/)
  }
})

t.test('a second time without an overlap ends the old token at once', async t => {
  const old = await actingAs(services, ['tokens:rotate'])
  const api = requester(app, old.headers)
  const lost = (await api.post('/api/tokens/current/rotate', OVERLAP)).json()
  const { token } = (await api.post('/api/tokens/current/rotate')).json()
  t.same([await opens(old.token), await opens(lost.token), await opens(token)], [false, false, true])
})

t.test('a token that was narrowed since gives its successor no more than it has', async t => {
  const old = await actingAs(services, ['orders:read', 'reports', 'tokens:rotate'])
  const user = { id: old.user.id, role: 'user' as const }
  await services.tokens.rotate(user, old.id, { overlapSeconds: 3600 })
  await services.tokens.change(user, old.id, { scopes: ['reports'] })
  t.same((await services.tokens.rotate(user, old.id, { overlapSeconds: 3600 })).token.scopes, ['reports'])
})

t.test('of many at once, on two nodes, one successor lives', async t => {
  const other = await createServices({ config: services.config, catalogue: CATALOGUE, db: services.db })
  await other.ensure()
  const old = await actingAs(services, ['orders:read', 'tokens:rotate'])
  const user = { id: old.user.id, role: 'user' as const }
  const all = await Promise.all(
    [services, other, services, other].map(node => node.tokens.rotate(user, old.id, { overlapSeconds: 60 })),
  )
  const alive = await living(user.id)
  t.equal(alive.length, 2, 'the old one and one successor')
  t.ok(alive.includes(old.id))
  const ends = new Set(all.map(({ token }) => token.expiresAt.getTime()))
  t.equal(ends.size, 1, 'none lives longer or shorter for the race')
})

t.test('on its page too, whatever the form is sent again', async t => {
  const user = await newUser(services)
  const browser = new Browser(app)
  await browser.signIn(user)
  const { token } = await services.tokens.issuePersonal({ user, name: 'deploy' })
  const rotate = async () => browser.submit(await browser.get(`/tokens/${token.id}`), { overlap: 'day' }, /rotate$/)
  const first = await rotate()
  const second = await rotate()
  t.same([first.statusCode, second.statusCode], [201, 201])
  const [newest, before, ...more] = await services.tokens.list(user.id, { limit: 10 })
  t.same([before?.id, more], [token.id, []])
  const year = (newest as NonNullable<typeof newest>).expiresAt.getTime() - Date.now()
  t.ok(year > 20 * 86_400_000, 'and it lives as long as the token was to')
})
