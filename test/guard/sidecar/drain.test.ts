import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import t from 'tap'
import { createTestIssuer } from '../../../packages/guard/src/testing/index.ts'
import { bearer } from '../../helpers/requester.ts'
import { launchSidecar } from '../../helpers/sidecar.ts'

const issuer = await createTestIssuer()
t.teardown(() => issuer.close())

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  t.test(`${signal} ends the process, whatever is connected`, async t => {
    const sidecar = await launchSidecar(t, issuer.guard)
    const idle = connect(sidecar.port, '127.0.0.1')
    idle.on('error', () => {})
    await once(idle, 'connect')
    await fetch(`${sidecar.url}/health/live`)
    sidecar.process.kill(signal)
    sidecar.process.kill(signal)
    t.equal(await sidecar.ended, 0)
    t.equal(sidecar.stderr(), '')
    t.notMatch(sidecar.stdout(), /cut off/, 'an idle connection is closed at once')
  })
}

t.test('a check in flight is finished', async t => {
  // Introspection waits until the signal was received.
  const { promise: isAsked, resolve: asked } = Promise.withResolvers<void>()
  const { promise: isStopping, resolve: stopping } = Promise.withResolvers<void>()
  const front = createServer(async (request, response) => {
    if (request.url?.startsWith('/.well-known')) {
      const original = await (await fetch(issuer.url + request.url)).text()
      return response.setHeader('content-type', 'application/json').end(original.replaceAll(issuer.url, url))
    }
    if (request.url !== '/oauth/introspect') return response.writeHead(503).end()
    asked()
    await isStopping
    return response.setHeader('content-type', 'application/json').end('{"active":false}')
  })
  front.listen(0, '127.0.0.1')
  await once(front, 'listening')
  t.teardown(() => front.close().closeAllConnections())
  const url = `http://127.0.0.1:${(front.address() as AddressInfo).port}`
  const sidecar = await launchSidecar(t, { ...issuer.guard, issuer: url })
  const checking = fetch(`${sidecar.url}/check?token=any`, { headers: bearer('opaque') })
  await isAsked
  sidecar.process.kill('SIGTERM')
  while (!/ is stopping/.test(sidecar.stdout())) await new Promise(resolve => setTimeout(resolve, 5))
  await t.rejects(fetch(`${sidecar.url}/health/live`), 'no new connection is accepted')
  stopping()
  const response = await checking
  t.equal(response.status, 401)
  t.equal(response.headers.get('connection'), 'close')
  t.equal(await sidecar.ended, 0)
})
