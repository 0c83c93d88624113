import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { createTestIssuer } from 'postern/testing'
import t from 'tap'
import { bearer } from '../helpers/requester.ts'

/** The snippets of docs/resource-servers.md about streams and health, run as they stand. */

const ROOT = join(import.meta.dirname, '../..')
const DOCS = readFileSync(join(ROOT, 'docs/resource-servers.md'), 'utf8')

async function snippet(name: string) {
  const code = DOCS.match(new RegExp(`^\`\`\`(?:ts|js)\n// ${name}\n(.*?)^\`\`\`$`, 'ms'))?.[1]
  if (code === undefined) throw new Error(`docs/resource-servers.md has no ${name}`)
  // Inside the package, so that `postern` names it.
  mkdirSync(join(ROOT, '.tap'), { recursive: true })
  const path = mkdtempSync(join(ROOT, '.tap', 'streams-'))
  t.teardown(() => rmSync(path, { recursive: true, force: true }))
  writeFileSync(join(path, name), code)
  return import(join(path, name))
}

const issuer = await createTestIssuer()
t.teardown(() => issuer.close())
const port = (server: { address(): unknown }) => (server.address() as AddressInfo).port

t.test('an event stream ends with its token', async t => {
  const { orderEvents } = await snippet('stream-api.ts')
  const { app, close } = orderEvents(issuer.guard)
  const server = app.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(async () => {
    server.close().closeAllConnections()
    await close()
  })
  const url = `http://127.0.0.1:${port(server)}/events`
  t.equal((await fetch(url)).status, 401)
  const token = await issuer.token({ scopes: ['orders:read'] })
  const answer = await fetch(url, { headers: bearer(token) })
  t.match([answer.status, answer.headers.get('content-type')], [200, 'text/event-stream'])
  issuer.revoke(token)
  t.equal(await answer.text(), '', 'it ends')
})

t.test('a WebSocket is closed with its token', async t => {
  const { orderSocket } = await snippet('socket-api.js')
  const { server, close } = orderSocket(issuer.guard)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(async () => {
    server.close().closeAllConnections()
    await close()
  })
  const headers = { connection: 'upgrade', upgrade: 'websocket' }
  const [refusal] = await once(request({ port: port(server), headers }).end(), 'response')
  t.equal(refusal.resume().statusCode, 401)
  t.match(refusal.headers['www-authenticate'], 'Bearer')
  const token = await issuer.token({ scopes: ['orders:read'] })
  const socket = new WebSocket(`ws://127.0.0.1:${port(server)}/`, { headers: bearer(token) } as never)
  await once(socket, 'open')
  issuer.revoke(token)
  const [closed] = await once(socket, 'close')
  t.strictSame([closed.code, closed.reason], [1008, 'The access token has ended'])
})

t.test('health and metrics say how it is with the issuer', async t => {
  const { healthApi } = await snippet('health-api.ts')
  const own = await createTestIssuer()
  t.teardown(() => own.close())
  const app = await healthApi(own.guard)
  t.teardown(() => app.close())
  await app.posternGuard.ready()
  const metrics = async () => (await app.inject('/metrics')).body
  t.match((await app.inject('/health/ready')).json(), { status: 'ok', feed: 'live', problems: [] })
  t.match(await metrics(), /status="ok"} 1\n(.*\n)*postern_guard_feed_live 1\npostern_guard_problems 0\n$/)
  await own.close()
  while (app.posternGuard.health().status !== 'degraded' || app.posternGuard.health().problems.length === 0) {
    await pause(20)
  }
  t.match(await app.inject('/health/ready'), { statusCode: 200 }, 'this API goes on')
  t.match(await metrics(), /status="degraded"} 1\n/)
  const wrong = await healthApi({ ...issuer.guard, clientSecret: 'wrong' })
  t.teardown(() => wrong.close())
  await t.rejects(wrong.posternGuard.ready(), /clientSecret/)
  const refused = await wrong.inject('/health/ready')
  t.match([refused.statusCode, refused.json().status], [503, 'failed'])
})
