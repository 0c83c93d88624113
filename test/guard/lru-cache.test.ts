import fc from 'fast-check'
import t from 'tap'
import { LruCache } from '../../packages/guard/src/lru-cache.ts'

t.test('what was used last is held, and no more than was asked', async t => {
  const step = fc.record({ key: fc.integer({ min: 0, max: 30 }), act: fc.constantFrom('set', 'get', 'delete') })
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 20 }), fc.array(step, { maxLength: 200 }), (max, steps) => {
      const recent = new LruCache<number, number>(max)
      const truth = new Map<number, number>()
      const used: number[] = []
      steps.forEach(({ key, act }, i) => {
        if (act === 'set') truth.set(key, i)
        if (act === 'set') recent.set(key, i)
        if (act === 'delete') truth.delete(key)
        if (act === 'delete') recent.delete(key)
        const found = recent.get(key)
        if (found !== undefined && found !== truth.get(key))
          throw new Error(`${key} is ${truth.get(key)}, not ${found}`)
        if (found !== undefined) used.push(key)
        const last = new Set(used.slice(-Math.floor(max / 2)).filter(each => truth.has(each)))
        const held = new Set([...recent].map(([each]) => each))
        for (const each of last) if (!held.has(each)) throw new Error(`${each} was used just now`)
        if (held.size > max) throw new Error(`${held.size} are held, ${max} may be`)
      })
    }),
  )
  t.pass('in any order of setting, getting and deleting')
})

t.test('nothing is left once it is cleared', async t => {
  const recent = new LruCache<string, number>(4)
  for (const [i, key] of ['a', 'b', 'c'].entries()) recent.set(key, i)
  recent.clear()
  t.strictSame([...recent], [])
  t.equal(recent.get('a'), undefined)
})
