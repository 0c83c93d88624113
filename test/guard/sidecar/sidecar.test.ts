import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { createTestIssuer } from '../../../packages/guard/src/testing/index.ts'
import { freePort } from '../../helpers/port.ts'
import { bearer } from '../../helpers/requester.ts'
import { launchSidecar, until } from '../../helpers/sidecar.ts'

const issuer = await createTestIssuer()
t.teardown(() => issuer.close())
const token = await issuer.token({ user: 'ada', scopes: ['orders:read'] })

const isReady = ({ status }: Response) => status === 200
const isUnready = ({ status }: Response) => status === 503

t.test('health says what is true', async t => {
  const sidecar = await launchSidecar(t, issuer.guard)
  const live = await fetch(`${sidecar.url}/health/live`)
  t.equal(live.status, 200)
  const ready = await until(() => fetch(`${sidecar.url}/health/ready`), isReady)
  t.match(await ready.json(), { keys: true, stale: false })
})

t.test('without an issuer it lives, is not ready, and refuses every token with a time to try again', async t => {
  const nowhere = { issuer: `http://127.0.0.1:${await freePort()}`, audience: issuer.guard.audience }
  const sidecar = await launchSidecar(t, nowhere)
  t.equal((await fetch(`${sidecar.url}/health/live`)).status, 200)
  const ready = await fetch(`${sidecar.url}/health/ready`)
  t.equal(ready.status, 503)
  t.match(await ready.json(), { status: 'starting', keys: false })
  const refused = await fetch(`${sidecar.url}/check?scopes=orders:read`, { headers: bearer(token) })
  t.equal(refused.status, 503)
  t.match(refused.headers.get('retry-after'), /^\d+$/)
  t.match(await refused.json(), { type: 'urn:postern:error:temporarily_unavailable' })
})

t.test('an issuer that is away for longer than MAX_STALENESS_SECONDS: 503, and not ready', async t => {
  const other = await createTestIssuer()
  const { issuer: url, audience } = other.guard
  const sidecar = await launchSidecar(t, { issuer: url, audience }, { env: { MAX_STALENESS_SECONDS: '1' } })
  const text = await other.token({ scopes: ['orders:read'] })
  const check = () => fetch(`${sidecar.url}/check?scopes=orders:read`, { headers: bearer(text) })
  t.equal((await until(check, isReady)).status, 200)
  await other.close()
  t.equal((await check()).status, 200, 'the last known status counts for a second')
  const refused = await until(check, isUnready)
  t.match(refused.headers.get('retry-after'), /^\d+$/)
  const ready = await fetch(`${sidecar.url}/health/ready`)
  t.equal(ready.status, 503)
  t.match(await ready.json(), { stale: true })
  t.match(sidecar.stdout(), /"level":40.*temporarily_unavailable/, 'the operator reads it')
  t.notMatch(sidecar.stdout(), text)
})

t.test('a secret that the issuer refuses: not ready, and logged with what to do', async t => {
  const sidecar = await launchSidecar(t, { ...issuer.guard, clientSecret: 'wrong' })
  const ready = await until(
    () => fetch(`${sidecar.url}/health/ready`),
    response => isUnready(response) && / clientSecret /.test(sidecar.stdout()),
  )
  t.equal(ready.status, 503)
  t.notMatch(sidecar.stdout(), /wrong/)
})

t.test('metrics count checks by result', async t => {
  const { url } = await launchSidecar(t, issuer.guard)
  await until(() => fetch(`${url}/health/ready`), isReady)
  for (const query of ['scopes=orders:read', 'scopes=reports', 'scope=orders:read']) {
    await fetch(`${url}/check?${query}`, { headers: bearer(token) })
  }
  await fetch(`${url}/check?scopes=orders:read`)
  const response = await fetch(`${url}/metrics`)
  t.equal(response.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8')
  const lines = (await response.text()).split('\n')
  for (const result of ['ok', 'insufficient_scope', 'invalid_check', 'unauthenticated']) {
    t.ok(lines.includes(`postern_guard_checks_total{result="${result}"} 1`), result)
  }
  t.ok(lines.includes('postern_guard_check_duration_seconds_count 4'))
  t.ok(lines.includes('postern_guard_check_duration_seconds_bucket{le="+Inf"} 4'))
  t.ok(lines.includes('postern_guard_stale 0'))
  const samples = lines.filter(line => line && !line.startsWith('#'))
  const described = new Set(lines.flatMap(line => /^# TYPE (\S+)/.exec(line)?.[1] ?? []))
  for (const sample of samples) {
    t.match(sample, /^[a-z_]+(\{[a-z]+="[^"]+"\})? [0-9.e+-]+$/)
    const [name = ''] = /^[a-z_]+/.exec(sample) ?? []
    t.ok(described.has(name.replace(/_(bucket|sum|count)$/, '')), sample)
  }
})

t.test('RESOURCE: a 401 names the metadata of the API, which the sidecar serves', async t => {
  const resource = 'https://orders.example.com/v1'
  const { url } = await launchSidecar(t, issuer.guard, { env: { RESOURCE: resource } })
  const refused = await fetch(`${url}/check?scopes=orders:read`)
  const metadata = 'https://orders.example.com/.well-known/oauth-protected-resource/v1'
  t.match(refused.headers.get('www-authenticate'), `resource_metadata="${metadata}"`)
  const served = await fetch(url + new URL(metadata).pathname)
  t.match(await served.json(), { resource, authorization_servers: [issuer.url] })
})

t.test('debug logs every check, without the token', async t => {
  const sidecar = await launchSidecar(t, issuer.guard, { env: { LOG_LEVEL: 'debug', BASIC: 'on' } })
  const authorization = `Basic ${Buffer.from(`ada:${token}`).toString('base64')}`
  await fetch(`${sidecar.url}/check/scopes=orders:read//orders?access_token=${token}`, { headers: { authorization } })
  await fetch(`${sidecar.url}/check?scopes=reports`, { headers: bearer(token) })
  await until(
    async () => sidecar.stdout(),
    said => /"status":403/.test(said) && /"status":200/.test(said),
  )
  t.notMatch(sidecar.stdout(), token.slice(-40))
  for (const line of sidecar.stdout().trim().split('\n'))
    t.match(JSON.parse(line), { level: Number, time: Number, msg: String })
})

t.test('bodies are discarded up to 64 kB, and the connection stays open', async t => {
  const { port } = await launchSidecar(t, issuer.guard)
  const head = (more: string) =>
    `POST /check?token=any HTTP/1.1\r\nhost: a\r\nauthorization: Bearer ${token}\r\n${more}\r\n`
  const socket = connect(port, '127.0.0.1')
  const received = text(socket)
  socket.write(`${head('content-length: 5\r\n')}hello${head('transfer-encoding: chunked\r\n')}5\r\nhello\r\n0\r\n\r\n`)
  socket.write(head('connection: close\r\n'))
  t.equal((await received).match(/HTTP\/1\.1 200 /g)?.length, 3)

  const endless = connect(port, '127.0.0.1')
  const answer = text(endless).catch(() => '')
  endless.write(head('transfer-encoding: chunked\r\n'))
  const chunk = `4000\r\n${'x'.repeat(0x4000)}\r\n`
  const isClosed = new Promise<void>(resolve => endless.once('close', () => resolve()))
  endless.on('error', () => {})
  const sending = setInterval(() => endless.writable && !endless.writableNeedDrain && endless.write(chunk), 1)
  await isClosed
  clearInterval(sending)
  await answer
  t.ok(endless.bytesWritten < 50_000_000, `a body without an end is cut off, after ${endless.bytesWritten} bytes`)
})

t.test('Expect: 100-continue is answered without the body', async t => {
  const { port } = await launchSidecar(t, issuer.guard)
  const socket = connect(port, '127.0.0.1')
  socket.write('POST /check?token=any HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n')
  const [first] = await new Promise<string[]>(resolve =>
    socket.once('data', data => resolve(String(data).split('\r\n'))),
  )
  socket.destroy()
  t.match(first, /^HTTP\/1\.1 401 /)
})

t.test('a WebSocket’s handshake is checked as any request', async t => {
  const { port } = await launchSidecar(t, issuer.guard)
  const socket = connect(port, '127.0.0.1')
  socket.write(
    'GET /check?token=any HTTP/1.1\r\nhost: a\r\nconnection: Upgrade\r\nupgrade: websocket\r\n' +
      `authorization: Bearer ${token}\r\n\r\n`,
  )
  const first = await new Promise(resolve => socket.once('data', data => resolve(String(data))))
  socket.destroy()
  t.match(first, /^HTTP\/1\.1 200 /)
})
