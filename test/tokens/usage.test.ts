import t from 'tap'
import { createUsage, type Usage } from '../../src/tokens/usage.ts'
import { actingAs, testApp } from '../helpers/app.ts'
import { asking } from '../helpers/asking.ts'

const { app, house } = await testApp(t)

interface Row {
  last_used_at: Date | string | null
  version: string
}
/** The row as it is stored; its version changes with every write. */
async function stored(id: string) {
  const sql = 'select last_used_at, xmin::text as version from oauth_access_tokens where id = ?'
  const [row] = await house.db.query<Row>(sql, [id])
  return { at: row?.last_used_at ? new Date(row.last_used_at).getTime() : null, version: row?.version }
}

/** A use that is not in the database yet. */
const usedAt = (usage: Usage, id: string) =>
  usage.seen({ id, scopes: [], lastUsedAt: null, usedScopes: null }).lastUsedAt?.getTime()

t.test('the last use is known at once and written later, once for many', async t => {
  const { id, headers } = await actingAs(house, ['tokens:read'])
  const me = asking(app, headers)
  const before = await stored(id)
  const start = Date.now()
  for (let i = 0; i < 20; i++) await me.get('/api/user')
  const shown = Date.parse((await me.get('/api/tokens/current')).json().data.last_used_at)
  t.ok(shown >= start && shown <= Date.now(), 'shown')
  t.ok((await me.get('/api/tokens')).json().data[0].last_used_at, 'listed')
  t.strictSame(await stored(id), before, 'nothing was written')
  await house.usage.flush()
  const after = await stored(id)
  t.ok((after.at as number) >= shown, 'written')
  await house.usage.flush()
  t.strictSame(await stored(id), after, 'without a use there is no second write')
})

t.test('a scope counts as used once a check asked for it, and stays used', async t => {
  const { id, user, headers } = await actingAs(house, ['tokens:read', 'tokens:write', 'orders:read'])
  const me = asking(app, headers)
  const shown = async () => (await me.get('/api/tokens/current')).json().data.unused_scopes
  t.same((await shown()).toSorted(), ['orders:read', 'tokens:read', 'tokens:write'])
  t.equal((await me.get('/api/tokens')).statusCode, 200)
  t.same((await shown()).toSorted(), ['orders:read', 'tokens:write'])
  await house.usage.flush()
  t.same((await shown()).toSorted(), ['orders:read', 'tokens:write'], 'written')
  const all = await actingAs(house, ['*'], { user })
  await asking(app, all.headers).get('/api/tokens')
  t.same((await asking(app, all.headers).get(`/api/tokens/${all.id}`)).json().data.unused_scopes, [])
  t.same((await asking(app, all.headers).get(`/api/tokens/${id}`)).json().data.scopes.length, 3)
})

t.test('a token that was never used, or that was refused, has no last use', async t => {
  const owner = await actingAs(house, ['*'])
  const unused = await actingAs(house, [], { user: owner.user })
  const revoked = await actingAs(house, [], { user: owner.user })
  await asking(app, owner.headers).delete(`/api/tokens/${revoked.id}`)
  await asking(app, revoked.headers).get('/api/user')
  await house.usage.flush()
  for (const { id } of [unused, revoked]) {
    t.equal((await asking(app, owner.headers).get(`/api/tokens/${id}`)).json().data.last_used_at, null)
  }
})

t.test('an older use never replaces a newer one', async t => {
  const { id } = await actingAs(house)
  const slow = createUsage({ db: house.db })
  const quick = createUsage({ db: house.db })
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
  const { id } = await actingAs(house)
  let broken = true
  const db = {
    ...house.db,
    transaction: <T>(work: Parameters<typeof house.db.transaction<T>>[0]) =>
      broken ? Promise.reject(new Error('away')) : house.db.transaction(work),
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
  const { id } = await actingAs(house)
  const usage = createUsage({ db: house.db })
  for (const gone of ['00000000-0000-7000-8000-000000000000', id, 'ffffffff-ffff-7fff-bfff-ffffffffffff'])
    usage.touch(gone)
  await usage.close()
  t.ok((await stored(id)).at)
})
