import t from 'tap'
import { createChanges } from '../../src/cluster/changes.ts'
import { createMemory } from '../../src/cluster/memory.ts'
import type { Database } from '../../src/database/database.ts'
import type { House } from '../../src/house.ts'
import { createRecords } from '../../src/tokens/records.ts'
import { type Actor, actingAs, testHouse } from '../helpers/app.ts'

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

/** Records of a node that hears, over a slow database, beside the house that makes the changes. */
async function setUp(t: Parameters<typeof testHouse>[0]) {
  const house = await testHouse(t)
  const { db, hold, letGo } = slow(house.db)
  const changes = createChanges(house.db)
  changes.setHearing(true)
  const records = createRecords(db, changes, house.catalogue)
  return { house, changes, records, hold, letGo, actor: await actingAs(house) }
}

interface Case {
  what: string
  happens: (house: House, actor: Actor) => Promise<unknown>
  told: (actor: Actor) => Parameters<ReturnType<typeof createChanges>['hear']>[0]
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
  t.test(`a row that was read before ${what} is not remembered`, async t => {
    const { house, changes, records, hold, letGo, actor } = await setUp(t)
    const onItsWay = hold()
    const early = records.find(actor.id)
    await onItsWay
    await happens(house, actor)
    changes.hear(told(actor))
    letGo()
    t.equal((await early)?.refusal, undefined, 'the request that came before it is answered as of then')
    t.equal(records.peek({ id: actor.id }), undefined, 'and nothing of that is kept')
    t.match((await records.find(actor.id))?.refusal, refusal)
    t.match(records.peek({ id: actor.id })?.refusal, refusal, 'the new row is')
  })
}

t.test(
  'what changes elsewhere meanwhile keeps no row from memory: where much is revoked, all would be asked for',
  async t => {
    const { house, changes, records, hold, letGo, actor } = await setUp(t)
    const other = await actingAs(house)
    const onItsWay = hold()
    const found = records.find(actor.id)
    await onItsWay
    changes.hear({ kind: 'token', id: other.id })
    changes.hear({ kind: 'user', id: other.user.id })
    changes.hear({ kind: 'keys' })
    letGo()
    const record = await found
    t.ok(record)
    t.equal(records.peek({ id: actor.id }), record)
  },
)

t.test('whoever asks after a change does not get what was asked for before it', async t => {
  const { house, changes, records, hold, letGo, actor } = await setUp(t)
  const onItsWay = hold()
  const early = records.find(actor.id)
  await onItsWay
  await house.tokens.revoke(actor.user.id, actor.id)
  changes.hear({ kind: 'token', id: actor.id })
  const late = records.find(actor.id)
  letGo()
  t.equal((await early)?.refusal, undefined)
  t.match((await late)?.refusal, /revoked/)
})

t.test('those who ask at once ask once', async t => {
  const { house, changes, actor } = await setUp(t)
  let questions = 0
  const query: Database['query'] = (...question) => {
    questions++
    return house.db.query(...question)
  }
  const records = createRecords({ ...house.db, query }, changes, house.catalogue)
  const found = await Promise.all(Array.from({ length: 10 }, () => records.find(actor.id)))
  t.equal(questions, 1)
  t.ok(found.every(record => record === found[0]))
})

t.test('a node that lost the feed remembers nothing, and uses nothing that it remembered', async t => {
  const { house, changes, records, hold, letGo, actor } = await setUp(t)
  await records.find(actor.id)
  t.ok(records.peek({ id: actor.id }))
  changes.setHearing(false)
  t.equal(records.peek({ id: actor.id }), undefined, 'what is in memory does not count')
  await house.tokens.revoke(actor.user.id, actor.id)
  t.match((await records.find(actor.id))?.refusal, /revoked/, 'the database is asked')

  const onItsWay = hold()
  const during = records.find(actor.id)
  await onItsWay
  changes.setHearing(true)
  letGo()
  await during
  t.equal(records.peek({ id: actor.id }), undefined, 'nor is what was read in the gap kept when it ends')
})

t.test('a feed that is lost while a row is on its way', async t => {
  const { changes, records, hold, letGo, actor } = await setUp(t)
  const onItsWay = hold()
  const found = records.find(actor.id)
  await onItsWay
  changes.setHearing(false)
  changes.setHearing(true)
  letGo()
  t.ok(await found)
  t.equal(records.peek({ id: actor.id }), undefined)
})

t.test('the memory of other rows keeps to the same rules', async t => {
  const { changes } = await setUp(t)
  const rows = new Map([['a', { name: 'old' }]])
  const gate = Promise.withResolvers<void>()
  const load = async (id: string) => {
    const row = rows.get(id)
    await gate.promise
    return row
  }
  const memory = createMemory({ changes, load, concerns: (change, id) => change.kind === 'client' && change.id === id })
  const early = memory('a')
  rows.set('a', { name: 'new' })
  changes.hear({ kind: 'client', id: 'a' })
  gate.resolve()
  t.strictSame(await early, { name: 'old' })
  t.strictSame(await memory('a'), { name: 'new' }, 'the old row was not kept')
  rows.set('a', { name: 'newer' })
  t.strictSame(await memory('a'), { name: 'new' }, 'the new one is, until somebody says that it changed')
  changes.hear({ kind: 'client', id: 'b' })
  t.strictSame(await memory('a'), { name: 'new' })
  changes.setHearing(false)
  t.strictSame(await memory('a'), { name: 'newer' })
})
