import fc from 'fast-check'
import t from 'tap'
import { createPermutation } from '../../src/status/permutation.ts'

const first = (count: number, permute: (position: number) => number) =>
  Array.from({ length: count }, (_, i) => permute(i))

t.test('every index occurs once, in an order that depends on the key', async t => {
  fc.assert(
    fc.property(fc.string(), fc.integer({ min: 1, max: 5_000 }), (key, size) => {
      const indices = new Set(first(size, createPermutation(key, size)))
      return indices.size === size && [...indices].every(index => index >= 0 && index < size)
    }),
    { numRuns: 20 },
  )
  const [one, other] = ['one', 'other'].map(key => first(4, createPermutation(key, 2 ** 20)))
  t.notSame(one, other)
})

t.test('a partly used list continues in its order, also of an earlier version', async t => {
  t.same(first(4, createPermutation('a key', 2 ** 20)), [561567, 558367, 9516, 425327])
  t.same(first(4, createPermutation('b', 1_000)), [658, 657, 250, 610])
})
