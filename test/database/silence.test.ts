import t from 'tap'
import type { Database } from '../../src/database/database.ts'
import { openDatabase } from '../../src/open-database.ts'
import { SERVER, testDatabase } from '../helpers/database.ts'
import { openTcpProxy } from '../helpers/tcp-proxy.ts'

const ONLY_SHARED = { skip: SERVER ? false : 'needs a PostgreSQL' }
const POOL = 3
/** Two seconds without an answer, and three for the server to respond at all, on a slow machine. */
const MAX_MS = 9_000

type Test = Parameters<typeof testDatabase>[0]

/** Without a statement timeout, as commands have it. */
async function open(t: Test, databaseUrl: string): Promise<Database> {
  const db = await openDatabase({ databaseUrl, databasePoolSize: POOL, dataDir: undefined })
  t.teardown(() => db.close())
  return db
}

const each = (db: Database, count: number) =>
  Promise.allSettled(Array.from({ length: count }, () => db.query<{ one: number }>('select 1 as one')))

t.test('when a server falls silent, its connections end, and the next host is used', ONLY_SHARED, async t => {
  const databaseUrl = (await testDatabase(t)).databaseUrl as string
  const [first, second] = [await openTcpProxy(t, databaseUrl), await openTcpProxy(t, databaseUrl)]
  const { host } = new URL(databaseUrl)
  const db = await open(t, databaseUrl.replace(host, `${new URL(first.url).host},${new URL(second.url).host}`))
  t.ok((await each(db, POOL)).every(({ status }) => status === 'fulfilled'))

  // Longer than a server that is gone is waited for.
  const slow = (await open(t, databaseUrl)).query('select 1 as one from pg_sleep(6)')
  first.block()
  const began = performance.now()
  const waiting = await each(db, POOL)
  t.ok(performance.now() - began < MAX_MS, 'statements do not wait for a server that is gone')
  for (const result of waiting) t.match(result, { status: 'rejected', reason: { status: 503 } })
  t.strictSame(await db.query('select 1 as one'), [{ one: 1 }], 'the second host serves')
  t.strictSame(await slow, [{ one: 1 }], 'a slow statement of a server that is there goes on')
})

t.test('connections that are idle while their server falls silent are not used again', ONLY_SHARED, async t => {
  const proxy = await openTcpProxy(t, (await testDatabase(t)).databaseUrl as string)
  const db = await open(t, proxy.url)
  await each(db, POOL)
  proxy.block()
  t.match((await each(db, 1))[0], { status: 'rejected', reason: { status: 503 } })
  proxy.restore()
  t.ok((await each(db, POOL * 2)).every(({ status }) => status === 'fulfilled'))
})
