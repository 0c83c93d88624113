import t from 'tap'
import { createCache } from '../../src/cluster/cache.ts'
import { createInvalidationBus } from '../../src/cluster/invalidation-bus.ts'
import type { Database } from '../../src/database/database.ts'
import type { Services } from '../../src/services.ts'
import { createTokenRecords } from '../../src/tokens/records.ts'
import { type Actor, actingAs, testServices } from '../helpers/app.ts'

/** A database whose answers wait, once asked to, until they are let go: the row is read, and on its way. */
function slow(db: Database) {
  let gate: PromiseWithResolvers<void> | undefined
  let asked: PromiseWithResolvers<void> | undefined
  const query: Database['query'] = async (...question) => {
    const rows = await db.query(...question)
    asked?.resolve()
    await gate?.promise
    return rows as never
  }
  return {
    db: { ...db, query },
    /** @returns once the next answer is on its way */
    hold() {
      gate = Promise.withResolvers()
      asked = Promise.withResolvers()
      return asked.promise
    },
    letGo() {
      gate?.resolve()
      gate = undefined
    },
  }
}

/** Records of a node that hears, over a slow database, beside the services that makes the changes. */
async function setUp(t: Parameters<typeof testServices>[0]) {
  const services = await testServices(t)
  const { db, hold, letGo } = slow(services.db)
  const bus = createInvalidationBus(services.db)
  bus.setConnected(true)
  const records = createTokenRecords(db, bus, services.catalogue)
  return { services, bus, records, hold, letGo, actor: await actingAs(services) }
}

interface Case {
  what: string
  happens: (services: Services, actor: Actor) => Promise<unknown>
  told: (actor: Actor) => Parameters<ReturnType<typeof createInvalidationBus>['applyRemote']>[0]
  refusal: RegExp
}

const CASES: Case[] = [
  {
    what: 'the token is revoked',
    happens: ({ tokens }, { user, id }) => tokens.revoke(user.id, id),
    told: ({ id }) => ({ kind: 'token', id }),
    refusal: /revoked/,
  },
  {
    what: 'its user is disabled',
    happens: ({ users }, { user }) => users.disable(user.id),
    told: ({ user }) => ({ kind: 'user', id: user.id }),
    refusal: /disabled/,
  },
  {
    what: 'a gap ends in which it was suspended',
    happens: ({ tokens }, { user, id }) => tokens.change(user, id, { suspended: true }),
    told: () => ({ kind: 'everything' }),
    refusal: /suspended/,
  },
]

for (const { what, happens, told, refusal } of CASES) {
  t.test(`a row that was read before ${what} is not cached`, async t => {
    const { services, bus, records, hold, letGo, actor } = await setUp(t)
    const onItsWay = hold()
    const early = records.find(actor.id)
    await onItsWay
    await happens(services, actor)
    bus.applyRemote(told(actor))
    letGo()
    t.equal((await early)?.refusal, undefined, 'the request that came before it is answered as of then')
    t.equal(records.fromCache({ id: actor.id }), undefined, 'and nothing of that is kept')
    t.match((await records.find(actor.id))?.refusal, refusal)
    t.match(records.fromCache({ id: actor.id })?.refusal, refusal, 'the new row is')
  })
}

t.test(
  'what changes elsewhere meanwhile keeps no row from memory: where much is revoked, all would be asked for',
  async t => {
    const { services, bus, records, hold, letGo, actor } = await setUp(t)
    const other = await actingAs(services)
    const onItsWay = hold()
    const found = records.find(actor.id)
    await onItsWay
    bus.applyRemote({ kind: 'token', id: other.id })
    bus.applyRemote({ kind: 'user', id: other.user.id })
    bus.applyRemote({ kind: 'keys' })
    letGo()
    const record = await found
    t.ok(record)
    t.equal(records.fromCache({ id: actor.id }), record)
  },
)

t.test('a read after a change does not share an earlier read', async t => {
  const { services, bus, records, hold, letGo, actor } = await setUp(t)
  const onItsWay = hold()
  const early = records.find(actor.id)
  await onItsWay
  await services.tokens.revoke(actor.user.id, actor.id)
  bus.applyRemote({ kind: 'token', id: actor.id })
  const late = records.find(actor.id)
  letGo()
  t.equal((await early)?.refusal, undefined)
  t.match((await late)?.refusal, /revoked/)
})

t.test('concurrent readers share one query', async t => {
  const { services, bus, actor } = await setUp(t)
  let questions = 0
  const query: Database['query'] = (...question) => {
    questions++
    return services.db.query(...question)
  }
  const records = createTokenRecords({ ...services.db, query }, bus, services.catalogue)
  const found = await Promise.all(Array.from({ length: 10 }, () => records.find(actor.id)))
  t.equal(questions, 1)
  t.ok(found.every(record => record === found[0]))
})

t.test('a node without notifications neither fills nor uses its caches', async t => {
  const { services, bus, records, hold, letGo, actor } = await setUp(t)
  await records.find(actor.id)
  t.ok(records.fromCache({ id: actor.id }))
  bus.setConnected(false)
  t.equal(records.fromCache({ id: actor.id }), undefined, 'what is in memory does not count')
  await services.tokens.revoke(actor.user.id, actor.id)
  t.match((await records.find(actor.id))?.refusal, /revoked/, 'the database is asked')

  const onItsWay = hold()
  const during = records.find(actor.id)
  await onItsWay
  bus.setConnected(true)
  letGo()
  await during
  t.equal(records.fromCache({ id: actor.id }), undefined, 'nor is what was read in the gap kept when it ends')
})

t.test('the connection is lost during a read', async t => {
  const { bus, records, hold, letGo, actor } = await setUp(t)
  const onItsWay = hold()
  const found = records.find(actor.id)
  await onItsWay
  bus.setConnected(false)
  bus.setConnected(true)
  letGo()
  t.ok(await found)
  t.equal(records.fromCache({ id: actor.id }), undefined)
})

t.test('other caches follow the same rules', async t => {
  const { bus } = await setUp(t)
  const rows = new Map([['a', { name: 'old' }]])
  const gate = Promise.withResolvers<void>()
  const load = async (id: string) => {
    const row = rows.get(id)
    await gate.promise
    return row
  }
  const memory = createCache({ bus, load, invalidates: (change, id) => change.kind === 'client' && change.id === id })
  const early = memory('a')
  rows.set('a', { name: 'new' })
  bus.applyRemote({ kind: 'client', id: 'a' })
  gate.resolve()
  t.strictSame(await early, { name: 'old' })
  t.strictSame(await memory('a'), { name: 'new' }, 'the old row was not kept')
  rows.set('a', { name: 'newer' })
  t.strictSame(await memory('a'), { name: 'new' }, 'the new one is, until somebody says that it changed')
  bus.applyRemote({ kind: 'client', id: 'b' })
  t.strictSame(await memory('a'), { name: 'new' })
  bus.setConnected(false)
  t.strictSame(await memory('a'), { name: 'newer' })
})
