import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { startEmbedded } from '../../../src/database/embedded/embedded.ts'
import type { Engine } from '../../../src/database/embedded/engine.ts'
import { openDatabase } from '../../../src/open-database.ts'
import { embeddedTemplate, SERVER } from '../../helpers/database.ts'

const ONLY_EMBEDDED = { skip: SERVER ? 'the embedded database has a run of its own' : false }
const open = (dataDir: string, initialDump?: Blob) =>
  openDatabase({ databaseUrl: undefined, databasePoolSize: 1, dataDir, ...(initialDump && { initialDump }) })

t.test('a directory is locked by one process at a time', ONLY_EMBEDDED, async t => {
  const dataDir = t.testdir()
  const dump = await embeddedTemplate()
  const db = await open(dataDir, dump)
  await db.query('create table notes (text text)')
  await t.rejects(open(dataDir), { name: 'StartupError', message: /is in use by another Postern process/ })
  t.ok(await db.query('select * from notes'), 'the first is not disturbed')
  await db.close()
  const again = await open(dataDir)
  t.strictSame(await again.query('select * from notes'), [])
  await again.close()
})

t.test('a stopped engine is restarted by the next statement', ONLY_EMBEDDED, async t => {
  const dataDir = t.testdir()
  const embedded = startEmbedded(dataDir, { initialDump: await embeddedTemplate() })
  let engine: Engine | undefined
  const start = async () => {
    engine = await embedded.start()
    return engine
  }
  const db = await openDatabase({
    databaseUrl: undefined,
    databasePoolSize: 1,
    dataDir,
    embedded: { ...embedded, start },
  })
  await db.query(`create table notes as select 'kept' as text`)
  const half = db.transaction(async em => {
    await em.execute(`insert into notes values ('half')`)
    await engine?.close()
    await em.execute(`insert into notes values ('the other half')`)
  })
  await t.rejects(half, { code: 'temporarily_unavailable' }, 'whoever was served is told to try again')
  const after = await db.query(`select text from notes`)
  t.strictSame(after, [{ text: 'kept' }], 'the next is served by another, and nothing is half done')
  await db.close()
})

t.test('an incomplete database of a killed process is created again', ONLY_EMBEDDED, async t => {
  const dataDir = t.testdir({ 'postgres.new': '', postgres: { PG_VERSION: '18\n', base: {} } })
  const db = await open(dataDir, await embeddedTemplate())
  t.strictSame(await db.query('select count(*)::int as n from users'), [{ n: 0 }])
  t.notOk(existsSync(join(dataDir, 'postgres.new')))
  await db.close()
})

t.test('an unusable prebuilt database is ignored', ONLY_EMBEDDED, async t => {
  const dataDir = t.testdir()
  const db = await open(dataDir, new Blob(['not a dump']))
  t.strictSame(await db.query('select 1 as one'), [{ one: 1 }])
  await db.close()
})

t.test('a directory with other files is rejected in one line', ONLY_EMBEDDED, async t => {
  const dataDir = t.testdir()
  mkdirSync(join(dataDir, 'postgres'))
  writeFileSync(join(dataDir, 'postgres', 'PG_VERSION'), '9\n')
  await t.rejects(open(dataDir), { name: 'StartupError', message: /^The database in .* cannot be opened: [^\n]+$/ })
  rmSync(join(dataDir, 'postgres'), { recursive: true })
  const db = await open(dataDir, await embeddedTemplate())
  t.ok(await db.query('select 1'), 'and the directory is free again')
  await db.close()
})

t.test('an unused engine is stopped', ONLY_EMBEDDED, async t => {
  const dataDir = t.testdir()
  const embedded = startEmbedded(dataDir, { initialDump: await embeddedTemplate() })
  await embedded.release()
  await embedded.release()
  const engine = await startEmbedded(dataDir).start()
  await engine.close()
  t.ok(engine.closed)
  await t.rejects(engine.query('select 1', []), { code: '57P01' })
})

t.test('files without a PG_VERSION are not overwritten', ONLY_EMBEDDED, async t => {
  const dataDir = t.testdir({ postgres: { base: { 1: 'rows' } } })
  await t.rejects(open(dataDir), { name: 'StartupError', message: /no PG_VERSION/ })
  t.ok(existsSync(join(dataDir, 'postgres', 'base', '1')), 'what was there is there')
})
