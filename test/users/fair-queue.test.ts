import t from 'tap'
import { createFairQueue } from '../../src/users/fair-queue.ts'

const refused = () => new Error('refused')

/** A queue, and the order in which sources got their turns. */
function queueOf() {
  const queue = createFairQueue(refused)
  const order: string[] = []
  const ends: (() => void)[] = []
  const enter = (source: string, turns = 0) =>
    queue.enter(source, turns).then(end => {
      order.push(source)
      ends.push(end)
    })
  /** Ends the current turn, and lets the next one begin. */
  const next = async () => {
    ends.shift()?.()
    await new Promise(setImmediate)
  }
  return { queue, order, enter, next }
}

t.test('one at a time, in the order of arrival', async t => {
  const { queue, order, enter, next } = queueOf()
  t.notOk(queue.busy)
  await enter('a')
  void enter('b')
  void enter('c')
  t.ok(queue.busy)
  t.strictSame(order, ['a'])
  await next()
  await next()
  t.strictSame(order, ['a', 'b', 'c'])
  await next()
  t.notOk(queue.busy)
})

t.test('one place for each address', async t => {
  const { enter } = queueOf()
  await enter('a')
  await t.rejects(enter('a'), refused())
  void enter('b')
  await t.rejects(enter('b'), refused())
})

t.test('three addresses that come back at once do not keep a fourth one out', async t => {
  const { order, enter, next } = queueOf()
  await enter('a', 7)
  void enter('b', 7)
  void enter('c', 7)
  void enter('victim')
  await next()
  t.strictSame(order, ['a', 'victim'])
})

t.test('where too many wait, the one with the most turns makes way for one with fewer', async t => {
  const { order, enter, next } = queueOf()
  await enter('a', 3)
  const displaced = t.rejects(enter('b', 9), refused())
  for (const source of ['c', 'd', 'e']) void enter(source, 5)
  await t.rejects(enter('f', 9), refused(), 'as many turns are not fewer')
  void enter('victim', 1)
  await displaced
  await next()
  t.strictSame(order, ['a', 'victim'])
})
