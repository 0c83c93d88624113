import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { createClock } from '../../../src/guard/remote/clock.ts'
import { createHttp } from '../../../src/guard/remote/http.ts'

t.test('the time of the issuer is told rightly by an answer that a cache kept for a while', async t => {
  const answers = [
    { date: 0, age: undefined },
    { date: -300_000, age: '300' },
    { date: 3_600_000, age: undefined },
    { date: 3_540_000, age: '60' },
    { date: 3_600_000, age: 'nonsense' },
  ]
  const server = createServer((_, response) => {
    const { date, age } = answers.shift()!
    response.setHeader('date', new Date(Date.now() + date).toUTCString())
    if (age) response.setHeader('age', age)
    response.end('{}')
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const clock = createClock()
  const http = createHttp(clock)
  for (const ahead of [0, 0, 3_600_000, 3_600_000, 3_600_000]) {
    await http.get(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
    const off = clock.now() - Date.now() - ahead
    t.ok(Math.abs(off) < 5_000, `off by ${Math.round(off)} ms`)
  }
})
