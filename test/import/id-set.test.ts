import t from 'tap'
import { IdSet } from '../../src/import/id-set.ts'

t.test('numbers, texts and texts that look like numbers are ids of their own', async t => {
  const ids = new IdSet()
  const added = ['1', '999999999', '1000000000', '01', '-1', 'users/1', '', 'ä', '1e3']
  for (const id of added) ids.add(id)
  for (const id of added) t.equal(ids.has(id), true, id)
  for (const id of ['2', '16385', '1000000001', '001', '0', 'users/2', ' ', '1000']) t.equal(ids.has(id), false, id)
})

t.test('many texts, some of them twice', async t => {
  const ids = new IdSet()
  for (let i = 0; i < 20_000; i++) ids.add(`token ${i % 10_000}`)
  const numbers = Array.from({ length: 20_000 }, (_, i) => i)
  t.strictSame(
    numbers.filter(i => ids.has(`token ${i}`)),
    numbers.slice(0, 10_000),
  )
})
