import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { request } from 'node:http'
import { text } from 'node:stream/consumers'
import type { Test } from 'tap'
import { WebSocket } from 'ws'
import { actingAs } from '../helpers/app.ts'
import { listeningIssuer } from '../helpers/issuer.ts'
import { freePort } from '../helpers/port.ts'
import { echoApi, type Received } from '../helpers/recipes.ts'
import { bearer } from '../helpers/requester.ts'
import { launchSidecar, until } from '../helpers/sidecar.ts'

const AUDIENCE = 'https://orders.example.com'
const HOST = 'orders.example.com'
/** Some APIs read these characters of a header's name as a hyphen. */
const ALIASES = [..."_.!#$%&'*+^`|~"]

/** Where the proxy listens, and what it has in front of and behind it. */
export interface Ports {
  proxy: number
  sidecar: number
  api: number
}

interface Response {
  status: number
  headers: Record<string, string | string[] | undefined>
  body: string
}

interface Sent {
  method?: string
  /** A list sends a header several times. */
  headers?: Record<string, string | string[]>
  body?: string
  /** Sends the body without its length. */
  chunked?: boolean
}

/** Sends a request to the site of the recipe; `fetch` sets the headers `Host` and `Connection` itself. */
async function send(port: number, path: string, { method = 'GET', headers = {}, body, chunked }: Sent = {}) {
  const length = body !== undefined && !chunked ? { 'content-length': String(Buffer.byteLength(body)) } : {}
  const sent = request({ port, path, method, agent: false, headers: { host: HOST, ...length, ...headers } })
  sent.end(body)
  const [response] = await once(sent, 'response')
  return { status: response.statusCode, headers: response.headers, body: await text(response) } as Response
}

/** What every recipe does. @param start starts the proxy, with the recipe's configuration at these ports */
export async function proxyChecks(t: Test, start: (t: Test, ports: Ports) => Promise<void>): Promise<void> {
  const { issuer, services } = await listeningIssuer(t, { audience: AUDIENCE })
  const { client, secret } = await services.clients.create({ name: 'Orders API', audience: AUDIENCE })
  const guard = { issuer, audience: AUDIENCE, clientId: client.id, clientSecret: secret as string }
  const sidecar = await launchSidecar(t, guard, { env: { BASIC: 'on', RESOURCE: `${AUDIENCE}/v1` } })
  await until(
    () => fetch(`${sidecar.url}/health/ready`),
    ({ status }) => status === 200,
  )
  const api = await echoApi(t)
  const proxy = await freePort()
  await start(t, { proxy, sidecar: sidecar.port, api: api.port })
  const { user, id, token } = await actingAs(services, ['orders:read', 'orders:create'])
  const reader = await actingAs(services, ['orders:read'])
  const ask = (path: string, sent?: Sent) => send(proxy, path, sent)

  t.test('a valid token passes, with the headers of the token', async t => {
    const good = await ask('/orders/7?page=2&x=%2F', { headers: bearer(token) })
    t.equal(good.status, 200, good.body)
    const got: Received = JSON.parse(good.body)
    t.equal(got.url, '/orders/7?page=2&x=%2F')
    t.match(got.headers, {
      'x-auth-user': user.id,
      'x-auth-client': /./,
      'x-auth-scopes': 'orders:read orders:create',
      'x-auth-token-id': id,
    })
    const basic = `Basic ${Buffer.from(`any:${token}`).toString('base64')}`
    t.equal((await ask('/orders', { headers: { authorization: basic } })).status, 200, 'as a password too')
    t.equal((await ask('/me', { headers: bearer(token) })).status, 200, 'any token where no scope is needed')
  })

  t.test('headers that the client sent do not reach the API', async t => {
    const forged = {
      'X-Auth-User': 'root',
      'x-auth-client': 'root',
      'X-AUTH-SCOPES': 'admin:write',
      'X-Auth-Token-Id': ['root', 'root'],
      'x-auth_user': 'root',
      ...Object.fromEntries(ALIASES.map(character => [['X', 'Auth', 'User'].join(character), 'root'])),
    }
    const got: Received = JSON.parse((await ask('/orders', { headers: { ...forged, ...bearer(token) } })).body)
    t.equal(got.headers['x-auth-user'], user.id)
    t.equal(got.headers['x-auth-token-id'], id)
    t.notMatch(JSON.stringify(got), 'root')
    t.equal(got.names.filter(name => /^x[^a-z0-9]auth/.test(name)).length, 4)
    const open: Received = JSON.parse((await ask('/public', { headers: forged })).body)
    t.notMatch(JSON.stringify(open), 'root', 'nor where no token is needed')
  })

  t.test('a client cannot make the proxy drop a header', async t => {
    for (const connection of ['close, X-Auth-User', 'X-Auth-Token-Id, X-Auth-User', 'x-auth-user']) {
      const { status, body } = await ask('/orders', { headers: { connection, ...bearer(token) } })
      if (status === 200) t.equal(JSON.parse(body).headers['x-auth-user'], user.id, connection)
      else t.equal(status, 400, connection)
    }
  })

  t.test('without a token: 401 with the challenges and the problem', async t => {
    const before = api.requests()
    const none = await ask('/orders')
    t.equal(none.status, 401)
    const challenges = String(none.headers['www-authenticate'])
    t.match(challenges, /^Bearer realm="postern"/)
    t.equal(challenges.match(/Bearer/g)?.length, 1, challenges)
    t.equal(challenges.match(/Basic/g)?.length, 1, challenges)
    t.match(none.headers['content-type'], /^application\/problem\+json/)
    t.match(JSON.parse(none.body), { type: 'urn:postern:error:unauthenticated' })
    t.equal((await ask('/orders', { headers: bearer('forged') })).status, 401)
    const twice = [`Bearer ${token}`, 'Bearer other']
    t.ok((await ask('/orders', { headers: { authorization: twice } })).status >= 400, 'two tokens are none')
    t.equal(api.requests(), before, 'none of them reaches the API')
  })

  t.test('a client finds the metadata of the API without a token', async t => {
    const { headers } = await ask('/orders')
    const [, url = ''] = /resource_metadata="([^"]+)"/.exec(String(headers['www-authenticate'])) ?? []
    const metadata = await ask(new URL(url).pathname)
    t.equal(metadata.status, 200)
    t.match(JSON.parse(metadata.body), { resource: `${AUDIENCE}/v1`, authorization_servers: [issuer] })
    const preflight = { origin: 'https://spa.example', 'access-control-request-method': 'GET' }
    const allowed = await ask(new URL(url).pathname, { method: 'OPTIONS', headers: preflight })
    t.equal(allowed.headers['access-control-allow-origin'], '*')
  })

  t.test('without the scope: 403 that names it', async t => {
    const lacking = await ask('/orders', { method: 'POST', headers: bearer(reader.token), body: '{}' })
    t.equal(lacking.status, 403)
    t.match(lacking.headers['www-authenticate'], /error="insufficient_scope".*scope="orders:create"/)
    t.match(JSON.parse(lacking.body), { type: 'urn:postern:error:insufficient_scope', missing: ['orders:create'] })
    t.equal((await ask('/orders', { headers: bearer(reader.token) })).status, 200)
  })

  t.test('a path that the recipe does not name is closed', async t => {
    const before = api.requests()
    t.ok((await ask('/elsewhere', { headers: bearer(token) })).status >= 400)
    t.ok((await ask('/check?token=any', { headers: bearer(token) })).status >= 400)
    t.equal(api.requests(), before)
  })

  t.test('bodies reach the API, with their length and in chunks', async t => {
    const long = randomBytes(300_000).toString('hex')
    for (const body of ['{"order":1}', long]) {
      for (const chunked of [false, true]) {
        const posted = await ask('/orders', { method: 'POST', headers: bearer(token), body, chunked })
        t.equal(posted.status, 200)
        const got: Received = JSON.parse(posted.body)
        t.equal(got.method, 'POST')
        t.ok(got.body === body, `${got.body.length} of ${body.length} bytes`)
      }
    }
  })

  t.test('a WebSocket opens with a token, and not without', async t => {
    const open = (headers: Record<string, string>) =>
      new WebSocket(`ws://127.0.0.1:${proxy}/orders/events`, { headers: { host: HOST, ...headers } })
    const socket = open(bearer(token))
    await once(socket, 'open')
    socket.send('hello')
    const [message] = await once(socket, 'message')
    t.equal(String(message), `${user.id}: hello`)
    socket.terminate()
    const refused = open({})
    refused.on('error', () => {})
    const [, response] = await once(refused, 'unexpected-response')
    t.equal(response.statusCode, 401)
    response.destroy()
  })

  t.test('a revoked token is refused through the proxy', async t => {
    const other = await actingAs(services, ['orders:read'])
    const check = () => ask('/orders', { headers: bearer(other.token) })
    t.equal((await check()).status, 200)
    await services.tokens.revoke(other.user.id, other.id)
    const refused = await until(check, ({ status }) => status !== 200)
    t.equal(refused.status, 401)
    t.match(refused.headers['www-authenticate'], /error="invalid_token"/)
  })

  t.test('without a sidecar nothing passes, and one without an issuer says when to try again', async t => {
    sidecar.process.kill('SIGKILL')
    await sidecar.ended
    const before = api.requests()
    t.ok((await ask('/orders', { headers: bearer(token) })).status >= 500)
    const nowhere = { issuer: `http://127.0.0.1:${await freePort()}`, audience: AUDIENCE }
    await launchSidecar(t, nowhere, { env: { PORT: String(sidecar.port) } })
    const unavailable = await until(
      () => ask('/orders', { headers: bearer(token) }),
      ({ headers }) => headers['retry-after'] !== undefined,
    )
    t.equal(unavailable.status, 503)
    t.match(JSON.parse(unavailable.body), { type: 'urn:postern:error:temporarily_unavailable' })
    t.equal(api.requests(), before)
  })
}
