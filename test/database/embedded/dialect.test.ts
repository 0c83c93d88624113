import t from 'tap'
import { actingAs, testApp } from '../../helpers/app.ts'
import { openTestDatabase } from '../../helpers/database.ts'

t.test('concurrent requests are isolated from each other', async t => {
  const { app, services } = await testApp(t)
  const { user, headers } = await actingAs(services, ['tokens:read', 'tokens:write'])
  const made = await Promise.all(
    Array.from({ length: 24 }, (_, i) => services.tokens.issuePersonal({ user, name: `token ${i}` })),
  )
  const answers = await Promise.all(
    made.map(({ token }, i) =>
      app.inject({
        method: 'PATCH',
        url: `/api/tokens/${token.id}`,
        headers,
        // Every other one fails inside its transaction, after it has locked its row.
        payload: i % 2 ? { name: `renamed ${i}`, scopes: ['nothing:known'] } : { name: `renamed ${i}` },
      }),
    ),
  )
  t.strictSame(
    answers.map(answer => answer.statusCode),
    made.map((_, i) => (i % 2 ? 422 : 200)),
  )
  const listed = await app.inject({ url: '/api/tokens?limit=100', headers })
  const names = new Map(listed.json().data.map((token: { id: string; name: string }) => [token.id, token.name]))
  t.strictSame(
    made.map(({ token }) => names.get(token.id)),
    made.map((_, i) => (i % 2 ? `token ${i}` : `renamed ${i}`)),
    'what was answered with 200 is there, what was refused left nothing',
  )
})

t.test('uncommitted changes are not visible to others', async t => {
  const db = await openTestDatabase(t)
  t.teardown(() => db.close())
  await db.query('create table notes (text text)')
  const count = async () => (await db.query<{ n: number }>('select count(*)::int as n from notes'))[0]?.n
  let seen: Promise<number | undefined> | undefined
  await t.rejects(
    db.transaction(async em => {
      await em.execute(`insert into notes values ('never')`)
      seen = count()
      // The other question has every opportunity to be asked within this transaction.
      for (let i = 0; i < 20; i++) await em.execute('select 1')
      throw new Error('no')
    }),
    { message: 'no' },
  )
  t.equal(await seen, 0)
})

t.test('after an error the next unit of work gets the connection', async t => {
  const db = await openTestDatabase(t)
  t.teardown(() => db.close())
  await db.query('create table once (id int unique deferrable initially deferred)')
  const insert = (ids: number[]) =>
    db.transaction(async em => {
      for (const id of ids) await em.execute('insert into once values (?)', [id])
    })
  const works = Array.from({ length: 30 }, (_, i) => {
    if (i % 5 === 1) return t.rejects(db.query('select nonsense'), { code: '42703' }, 'a statement')
    if (i % 5 === 2)
      return t.rejects(
        db.transaction(em => em.execute('select 1/0')),
        { code: '22012' },
        'a transaction',
      )
    if (i % 5 === 3) return t.rejects(insert([i, i]), { code: '23505' }, 'its commit')
    if (i % 5 === 4) return t.rejects(badBegin(), { code: '25001' }, 'its beginning')
    return insert([i])
  })
  await Promise.all(works)
  const rows = await db.query<{ id: number }>('select id from once order by id')
  t.strictSame(
    rows,
    [0, 5, 10, 15, 20, 25].map(id => ({ id })),
  )

  /** PostgreSQL takes an isolation level only as the first thing in a transaction. */
  async function badBegin(): Promise<void> {
    await db.transaction(async em => {
      await em.execute('select 1')
      await em.execute('set transaction isolation level serializable')
    })
  }
})
