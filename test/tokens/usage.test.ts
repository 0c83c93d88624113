import t from 'tap'
import { createUsage, type Usage } from '../../src/tokens/usage.ts'
import { actingAs, testApp } from '../helpers/app.ts'
import { requester } from '../helpers/requester.ts'

const { app, services } = await testApp(t)

interface Row {
  last_used_at: Date | string | null
  version: string
}
/** The row as it is stored; its version changes with every write. */
async function stored(id: string) {
  const sql = 'select last_used_at, xmin::text as version from oauth_access_tokens where id = ?'
  const [row] = await services.db.query<Row>(sql, [id])
  return { at: row?.last_used_at ? new Date(row.last_used_at).getTime() : null, version: row?.version }
}

/** A use that is not in the database yet. */
const usedAt = (usage: Usage, id: string) =>
  usage.lastUse({ id, scopes: [], lastUsedAt: null, lastUsedBy: null, usedScopes: null }).lastUsedAt?.getTime()

t.test('the last use is known at once and written later, once for many', async t => {
  const { id, headers } = await actingAs(services, ['tokens:read'])
  const me = requester(app, headers)
  const before = await stored(id)
  const start = Date.now()
  for (let i = 0; i < 20; i++) await me.get('/api/user')
  const shown = Date.parse((await me.get('/api/tokens/current')).json().data.last_used_at)
  t.ok(shown >= start && shown <= Date.now(), 'shown')
  t.ok((await me.get('/api/tokens')).json().data[0].last_used_at, 'listed')
  t.strictSame(await stored(id), before, 'nothing was written')
  await services.usage.flush()
  const after = await stored(id)
  t.ok((after.at as number) >= shown, 'written')
  await services.usage.flush()
  t.strictSame(await stored(id), after, 'without a use there is no second write')
})

t.test('a scope counts as used once a check asked for it, and stays used', async t => {
  const { id, user, headers } = await actingAs(services, ['tokens:read', 'tokens:write', 'orders:read'])
  const me = requester(app, headers)
  const shown = async () => (await me.get('/api/tokens/current')).json().data.unused_scopes
  t.same((await shown()).toSorted(), ['orders:read', 'tokens:read', 'tokens:write'])
  t.equal((await me.get('/api/tokens')).statusCode, 200)
  t.same((await shown()).toSorted(), ['orders:read', 'tokens:write'])
  await services.usage.flush()
  t.same((await shown()).toSorted(), ['orders:read', 'tokens:write'], 'written')
  const all = await actingAs(services, ['*'], { user })
  await requester(app, all.headers).get('/api/tokens')
  t.same((await requester(app, all.headers).get(`/api/tokens/${all.id}`)).json().data.unused_scopes, [])
  t.same((await requester(app, all.headers).get(`/api/tokens/${id}`)).json().data.scopes.length, 3)
})

t.test('a token that was never used, or that was refused, has no last use', async t => {
  const owner = await actingAs(services, ['*'])
  const unused = await actingAs(services, [], { user: owner.user })
  const revoked = await actingAs(services, [], { user: owner.user })
  await requester(app, owner.headers).delete(`/api/tokens/${revoked.id}`)
  await requester(app, revoked.headers).get('/api/user')
  await services.usage.flush()
  for (const { id } of [unused, revoked]) {
    t.equal((await requester(app, owner.headers).get(`/api/tokens/${id}`)).json().data.last_used_at, null)
  }
})

t.test('an older use never replaces a newer one', async t => {
  const { id } = await actingAs(services)
  const slow = createUsage({ db: services.db })
  const quick = createUsage({ db: services.db })
  t.teardown(() => Promise.all([slow.close(), quick.close()]))
  slow.touch(id)
  while (Date.now() <= (usedAt(slow, id) ?? 0)) await new Promise(setImmediate)
  quick.touch(id)
  const newest = usedAt(quick, id)
  await quick.flush()
  await slow.flush()
  t.equal((await stored(id)).at, newest)
})

t.test('what could not be written is kept for the next time', async t => {
  const { id } = await actingAs(services)
  let broken = true
  const db = {
    ...services.db,
    transaction: <T>(work: Parameters<typeof services.db.transaction<T>>[0]) =>
      broken ? Promise.reject(new Error('away')) : services.db.transaction(work),
  }
  const usage = createUsage({ db })
  usage.touch(id)
  const at = usedAt(usage, id)
  await t.rejects(usage.flush(), { message: 'away' })
  t.equal(usedAt(usage, id), at)
  broken = false
  await usage.close()
  t.equal((await stored(id)).at, at, 'closing writes it')
})

t.test('uses of tokens that are gone harm nobody', async t => {
  const { id } = await actingAs(services)
  const usage = createUsage({ db: services.db })
  for (const gone of ['00000000-0000-7000-8000-000000000000', id, 'ffffffff-ffff-7fff-bfff-ffffffffffff'])
    usage.touch(gone)
  await usage.close()
  t.ok((await stored(id)).at)
})
