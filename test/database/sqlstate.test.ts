import t from 'tap'
import { openTestDatabase } from '../helpers/database.ts'

const NOT_NOW = [
  ...['08000', '08003', '08006', '08P01', '25006', '25P03', '25P04', '28000', '28P01', '3D000', '40002', '40003'],
  ...['42501', '53000', '53100', '53200', '53300', '53400', '55000', '55006', '55P03', '57000', '57014', '57P01'],
  ...['57P02', '57P03', '57P04', '57P05', '58000', '58030', '58P01', '72000', 'F0000'],
]
const OURS = ['22012', '23505', '42601', '42P01', '54001', 'P0001', 'XX000', 'XX001', '0A000']

const raise = (code: string) => `do $$ begin raise exception 'x' using errcode = '${code}'; end $$`

t.test('temporary failures of the database are distinguished from permanent ones', async t => {
  const db = await openTestDatabase(t)
  t.teardown(() => db.close())
  for (const code of NOT_NOW) {
    const away = { status: 503, code: 'temporarily_unavailable', headers: { 'retry-after': /^\d+$/ } }
    await t.rejects(db.query(raise(code)), away, code)
    await t.rejects(
      db.run(em => em.execute(raise(code))),
      away,
      `${code} without a transaction`,
    )
    await t.rejects(
      db.transaction(em => em.execute(raise(code))),
      away,
      `${code} in a transaction`,
    )
  }
  for (const code of ['40001', '40P01']) {
    await t.rejects(
      db.run(em => em.execute(raise(code))),
      { status: 503, code: 'temporarily_unavailable' },
      `${code} without a transaction`,
    )
  }
  for (const code of OURS) await t.rejects(db.query(raise(code)), { code }, code)
  t.strictSame(await db.query('select 1 as one'), [{ one: 1 }], 'no connection was lost')
})
