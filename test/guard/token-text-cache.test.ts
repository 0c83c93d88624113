import fc from 'fast-check'
import t from 'tap'
import { TokenTextCache } from '../../packages/guard/src/token-text-cache.ts'

/** Few characters, so that many texts have the same end. */
const text = fc.string({ unit: fc.constantFrom('a', 'b', 'é'), maxLength: 9 })

t.test('a text finds what was kept of that text, and of no other', async t => {
  fc.assert(
    fc.property(fc.array(text), text, (texts, other) => {
      const known = new TokenTextCache<{ text: string; at: number }>(1_000)
      for (const [at, each] of texts.entries()) {
        known.set({ text: each, at })
        if (known.get(each)?.at !== at) throw new Error(`${each} was kept just now`)
      }
      const found = known.get(other)
      if (found && found.at !== texts.lastIndexOf(other)) throw new Error(`${other} found ${found.text}`)
    }),
  )
  t.pass('whatever their ends')
})

t.test('texts with different ends stand beside each other, until they are cleared', async t => {
  const known = new TokenTextCache<{ text: string }>(20)
  const texts = ['header.payload.signature-one', 'header.payload.signature-two', 'x']
  for (const each of texts) known.set({ text: each })
  for (const each of texts) t.equal(known.get(each)?.text, each)
  t.equal(known.get('other.payload.signature-one'), undefined)
  known.clear()
  for (const each of texts) t.equal(known.get(each), undefined)
})
