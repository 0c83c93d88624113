import t from 'tap'
import { createBatcher } from '../../src/database/batcher.ts'

t.test('after a failed batch its items are processed one by one, a few at a time', async t => {
  const concurrency = 4
  let under = 0
  let most = 0
  const begun = Promise.withResolvers<void>()
  const add = createBatcher<number, number>({
    maxBatchSize: 100,
    concurrency,
    async work(items) {
      if (items[0] === -1) {
        await begun.promise
        return item => item
      }
      if (items.length > 1) throw new Error('one of them stumbles')
      under++
      most = Math.max(most, under)
      await new Promise(setImmediate)
      under--
      if (items[0] === 7) throw new Error('this one')
      return item => item * 2
    },
  })
  const first = add(-1)
  const rest = Array.from({ length: 50 }, (_, i) => add(i))
  begun.resolve()
  await first
  const results = await Promise.allSettled(rest)
  t.strictSame(
    results.flatMap((result, i) => (result.status === 'rejected' ? [i] : [])),
    [7],
    'only the one that fails is refused',
  )
  t.equal((results[8] as PromiseFulfilledResult<number>).value, 16)
  t.equal(most, concurrency)
})
