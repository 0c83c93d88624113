import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { createTurns } from '../../src/status/turns.ts'

t.test('waiters for the same event continue one after another, with other work in between', async t => {
  const nextTurn = createTurns()
  const order: string[] = []
  const waiting = ['a', 'b', 'c'].map(name => nextTurn().then(() => void order.push(name)))
  for (const others of ['1', '2', '3']) {
    await setImmediate()
    order.push(others)
  }
  await Promise.all(waiting)
  t.strictSame(
    order.filter(name => /[a-c]/.test(name)),
    ['a', 'b', 'c'],
  )
  t.notMatch(order.join(''), /[a-c]{2}/)
})
