import t from 'tap'
import { createReadTime } from '../../src/import/naive-time.ts'

const berlin = createReadTime('Europe/Berlin')
const angeles = createReadTime('America/Los_Angeles')

t.test('dates are the wall clock of the source', async t => {
  t.same(berlin('2026-01-15 10:12:44'), new Date('2026-01-15T09:12:44Z'))
  t.same(berlin('2026-07-01 12:00:00.250'), new Date('2026-07-01T10:00:00.250Z'))
  t.same(angeles('2024-03-10 03:30:00'), new Date('2024-03-10T10:30:00Z'))
  t.same(createReadTime('UTC')('2022-06-01T12:00:01'), new Date('2022-06-01T12:00:01Z'))
})

t.test('a time that occurs twice is the earlier one, and one that is skipped moves forward', async t => {
  t.same(berlin('2039-10-30 02:30:00'), new Date('2039-10-30T00:30:00Z'))
  t.same(angeles('2026-11-01 01:30:00'), new Date('2026-11-01T08:30:00Z'))
  t.same(berlin('2026-03-29 02:30:00'), new Date('2026-03-29T01:30:00Z'))
})

t.test('a time with a zone is that instant, and nothing is none', async t => {
  t.same(berlin('2026-01-15 10:12:44+00'), new Date('2026-01-15T10:12:44Z'))
  t.same(berlin('2026-01-15T10:12:44Z'), new Date('2026-01-15T10:12:44Z'))
  for (const none of [null, undefined, '', '0000-00-00 00:00:00']) t.equal(berlin(none), null)
  t.equal(berlin('yesterday'), undefined)
})
