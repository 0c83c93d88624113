import { get } from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { loadConfig } from '../../src/config/config.ts'
import { connectionLimits } from '../../src/http/connections.ts'
import { APP_KEY, testApp } from '../helpers/app.ts'

for (const DATABASE_TIMEOUT of ['', 'PT5S', 'PT1M', 'PT1H', '0']) {
  t.test(`a connection outlives a statement of ${DATABASE_TIMEOUT || 'the default length'}`, async t => {
    const config = loadConfig({ APP_KEY, DATABASE_TIMEOUT })
    const { connectionTimeout } = connectionLimits(config)
    t.ok(connectionTimeout >= 60_000)
    t.ok(connectionTimeout >= (config.databaseTimeout + 10) * 1000)
  })
}

t.test('KEEP_ALIVE_TIMEOUT says how long a connection waits for its next request', async t => {
  for (const [text, seconds] of [
    ['', 72],
    ['PT5M', 300],
  ] as const) {
    const { app } = await testApp(t, loadConfig({ APP_KEY, KEEP_ALIVE_TIMEOUT: text, LOG_LEVEL: 'silent' }))
    await app.listen({ port: 0, host: '127.0.0.1' })
    const { port } = app.server.address() as AddressInfo
    const header = await new Promise(resolve => {
      const asking = get(
        { port, path: '/health/live', agent: false, headers: { connection: 'keep-alive' } },
        answer => {
          resolve(answer.headers['keep-alive'])
          asking.destroy()
        },
      )
    })
    t.equal(header, `timeout=${seconds}`)
    await app.close()
  }
  t.throws(() => loadConfig({ APP_KEY, KEEP_ALIVE_TIMEOUT: 'soon' }), { message: /^KEEP_ALIVE_TIMEOUT must be/ })
})
