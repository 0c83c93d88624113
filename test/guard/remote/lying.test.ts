import { request as ask, createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout as pause } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import t, { type Test } from 'tap'
import { createRemote, type RemoteOptions } from '../../../packages/guard/src/index.ts'
import { createClock } from '../../../packages/guard/src/remote/clock.ts'
import { actingAs } from '../../helpers/app.ts'
import { listeningIssuer } from '../../helpers/issuer.ts'

const API = 'https://orders.example.com'

interface Front {
  url: string
  target?: string
  /** Ends the event streams that are open. */
  cut(): void
  /** Requests, by path. */
  asked: string[]
  /** The last good answer to each path. */
  recorded: Map<string, string>
  /** What becomes of a chunk of the event stream. */
  rewrite?: (chunk: string) => string
  /** Answers in the issuer's place; false leaves it to the issuer. */
  lie?: ((path: string, response: ServerResponse) => boolean) | undefined
}

/** What an issuer is reached through: a cache that went wrong, or somebody in between. */
async function front(t: Test): Promise<Front> {
  const streams = new Set<ServerResponse>()
  const cut = () => {
    for (const stream of streams) stream.destroy()
  }
  const said: Front = { url: '', asked: [], recorded: new Map(), cut }
  const server = createServer(async (request, response) => {
    const path = String(request.url)
    const body = await text(request)
    said.asked.push(path)
    if (said.lie?.(path, response)) return
    const { method, headers } = request
    const onward = ask(`${said.target}${path}`, { method, headers, agent: false }, async answer => {
      response.writeHead(answer.statusCode as number, answer.headers)
      if (path.endsWith('/events')) {
        streams.add(response)
        if (!said.rewrite) return answer.pipe(response)
        answer.on('data', chunk => response.write(said.rewrite?.(String(chunk))))
        return answer.on('close', () => response.destroy())
      }
      const recorded = await text(answer)
      said.recorded.set(path, recorded)
      response.end(recorded)
    })
    response.on('close', () => onward.destroy())
    onward.on('error', () => response.destroy()).end(body)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close().closeAllConnections())
  said.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return said
}

async function rig(t: Test) {
  const issuer = await front(t)
  const {
    issuer: target,
    services,
    app,
  } = await listeningIssuer(t, {
    audience: API,
    issuer: issuer.url,
    statusListTtl: 1,
  })
  issuer.target = target
  const { client, secret } = await services.clients.create({ name: 'Orders API', audience: API })
  const credentials = { clientId: client.id, clientSecret: String(secret) }
  const guard = (options: Partial<RemoteOptions> = {}, onRefused?: (error: Error) => void) => {
    const remote = createRemote({ issuer: issuer.url, audience: API, ...options }, onRefused)
    t.teardown(() => remote.close())
    const status = async (token: string) => {
      try {
        await remote.authenticate(token)
        return 200
      } catch (error) {
        return (error as { status?: number }).status
      }
    }
    return { ...remote, status }
  }
  return { issuer, services, app, credentials, guard }
}

const isList = (path: string) => path.includes('/status-lists/')
const HOUR_MS = 3_600_000

/** Asks until the front was asked for a list this many times more; each answer has to be the one that is due. */
async function through(t: Test, issuer: Front, lists: number, due: number, status: () => Promise<number | undefined>) {
  const from = issuer.asked.length
  while (issuer.asked.slice(from).filter(isList).length < lists) {
    if ((await status()) !== due) return t.fail(`it has to be ${due}`)
    await pause(50)
  }
  t.equal(await status(), due)
}

t.test('an old list that is brought again revives no revoked token', async t => {
  const { issuer, services, guard } = await rig(t)
  const { status } = guard()
  const { user, id, token } = await actingAs(services, ['orders:read'])
  t.equal(await status(token), 200)
  const old = new Map([...issuer.recorded].filter(([path]) => isList(path)))
  const date = new Date().toUTCString()
  await services.tokens.revoke(user.id, id)
  while ((await status(token)) !== 401) await pause(50)
  issuer.lie = (path, response) => {
    if (!isList(path)) return false
    const headers = { date, age: '0', 'content-type': 'application/statuslist+jwt' }
    response.writeHead(200, headers).end(old.get(path))
    return true
  }
  await through(t, issuer, 2, 401, () => status(token))
})

t.test('no header of an answer changes the time', async t => {
  const { issuer, services, guard } = await rig(t)
  const { status } = guard()
  const lie = (code: number, headers: Record<string, string>) => {
    issuer.lie = (_path, response) => {
      response.writeHead(code, headers).end('{}')
      return true
    }
  }
  const user = (await actingAs(services)).user
  const expiresAt = new Date(Date.now() + 2_000)
  const input = { user, name: 'ci', scopes: ['orders:read'], format: 'jwt' as const }
  const expired = (await services.tokens.issuePersonal({ ...input, expiresAt })).plainText
  const good = (await services.tokens.issuePersonal(input)).plainText
  for (const token of [expired, good]) t.equal(await status(token), 200)
  while ((await status(expired)) !== 401) await pause(50)
  lie(404, { age: '1000000000' })
  await through(t, issuer, 1, 200, () => status(good))
  lie(502, { date: new Date(Date.now() - HOUR_MS).toUTCString() })
  await through(t, issuer, 1, 401, () => status(expired))
  lie(502, { date: new Date(Date.now() + 1000 * HOUR_MS).toUTCString() })
  await through(t, issuer, 1, 200, () => status(good))
})

t.test('what is signed moves the time forward, and not far, and never back', async t => {
  const clock = createClock()
  const off = () => Math.round((clock.now() - Date.now()) / 1_000)
  t.equal(clock.signed(Date.now() - HOUR_MS), true, 'an old list may be on its way')
  t.equal(off(), 0)
  t.equal(clock.signed(Date.now() + HOUR_MS), false)
  t.equal(clock.signed(Number.NaN), false)
  t.equal(off(), 0)
  t.equal(clock.signed(Date.now() + 120_000), true)
  t.equal(off(), 120)
  t.equal(clock.signed(Date.now()), true)
  t.equal(off(), 120, 'that is proved')
  const real = Date.now
  Object.assign(Date, { now: () => real() - HOUR_MS })
  const late = clock.now() - real()
  Object.assign(Date, { now: real })
  t.ok(late > 100_000, 'a machine that is set back revives nothing')
})

t.test('a gzip bomb is bounded by what it inflates to', async t => {
  const { issuer, services, guard } = await rig(t)
  const bomb = gzipSync(Buffer.alloc(64 * 1_048_576, ' '))
  t.ok(bomb.length < 100_000)
  const { token } = await actingAs(services, ['orders:read'])
  issuer.lie = (path, response) => {
    if (!path.endsWith('/jwks.json')) return false
    response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' }).end(bomb)
    return true
  }
  const { status, health } = guard()
  t.equal(await status(token), 503)
  t.match(health().problems, [/larger than 8388608 bytes/])
  issuer.lie = undefined
  while ((await status(token)) !== 200) await pause(50)
})

t.test('nonsense costs the issuer no question, and what was refused costs none for a second', async t => {
  const { issuer, services, guard, credentials } = await rig(t)
  const { status, ready } = guard(credentials)
  await ready()
  const questions = () => issuer.asked.filter(path => path === '/oauth/introspect').length
  const { token } = await actingAs(services, ['orders:read'], { format: 'opaque' })
  const broken = `${token.slice(0, -1)}${token.endsWith('a') ? 'b' : 'a'}`
  for (const text of ['nonsense', broken, token.replace('post_', 'ghp_'), `${token}x`, 'x'.repeat(10_000)]) {
    t.equal(await status(text), 401, text.slice(0, 60))
  }
  t.equal(questions(), 0)
  const unknown = await actingAs(services, ['orders:read'], { format: 'opaque' })
  await services.tokens.revoke(unknown.user.id, unknown.id)
  // The news of it arrives, and clears what is remembered.
  while ((await status(unknown.token)) !== 401) await pause(10)
  const before = questions()
  for (let i = 0; i < 50; i++) t.equal(await status(unknown.token), 401)
  t.ok(questions() - before <= 2, `${questions() - before} questions`)
  t.equal(await status(token), 200)
})

t.test('a guard without a client says what an opaque token needs', async t => {
  const { services, guard } = await rig(t)
  const told: Error[] = []
  const { authenticate, ready, health } = guard({}, error => told.push(error))
  await ready()
  const { token } = await actingAs(services, ['orders:read'], { format: 'opaque' })
  for (let i = 0; i < 2; i++) {
    await t.rejects(Promise.resolve(authenticate(token)), { status: 401, message: /clientId and clientSecret.*"jwt"/ })
  }
  await t.rejects(Promise.resolve(authenticate('nonsense')), { status: 401, message: /malformed/ })
  t.match(told, [/clientId and clientSecret/])
  t.equal(told.length, 1, 'once')
  t.equal(health().status, 'ok', 'a stranger can send one')
})

t.test('a list that somebody else signed is not taken: from memory for maxStalenessSeconds, then 503', async t => {
  const { issuer, services, guard } = await rig(t)
  const { status, health } = guard({ maxStalenessSeconds: 3 })
  const { token } = await actingAs(services, ['orders:read'])
  t.equal(await status(token), 200)
  issuer.lie = (path, response) => {
    if (!isList(path)) return false
    const [head, body] = String(issuer.recorded.get(path)).split('.')
    response.writeHead(200).end(`${head}.${body}.${'A'.repeat(86)}`)
    return true
  }
  await through(t, issuer, 1, 200, () => status(token))
  t.match(health(), { status: 'degraded', problems: [/signature/] })
  while ((await status(token)) !== 503) await pause(50)
  issuer.lie = undefined
  while ((await status(token)) !== 200) await pause(50)
  t.equal(health().status, 'ok')
})

t.test('without its feed a guard polls the lists, and reads what it missed once it is back', async t => {
  const { issuer, services, guard, credentials } = await rig(t)
  const { status, health, ready } = guard(credentials)
  await ready()
  const { user, id, token } = await actingAs(services, ['orders:read'])
  t.equal(await status(token), 200)
  issuer.lie = (path, response) => {
    if (path.endsWith('/events')) response.writeHead(503).end()
    return path.endsWith('/events')
  }
  issuer.cut()
  while (health().feed !== 'lost') await pause(20)
  t.match(health(), { status: 'degraded' })
  t.equal(await status(token), 200)
  await services.tokens.revoke(user.id, id)
  while ((await status(token)) !== 401) await pause(50)
  issuer.lie = undefined
  while (health().feed !== 'live') await pause(20)
  t.equal(await status(token), 401)
})

t.test(
  'maxStalenessSeconds counts from the last heartbeat, not from the time at which the list was fetched',
  async t => {
    const { issuer, services, guard, credentials } = await rig(t)
    let heartbeats = 0
    issuer.rewrite = chunk => {
      heartbeats += chunk.split('event: heartbeat').length - 1
      return chunk
    }
    const { status, health, ready } = guard({ ...credentials, maxStalenessSeconds: 3 })
    await ready()
    const { token } = await actingAs(services, ['orders:read'])
    t.equal(await status(token), 200)
    const start = heartbeats
    // A heartbeat is sent every 250 ms: the list is older than maxStalenessSeconds afterwards.
    while (heartbeats - start < 13) await pause(20)
    issuer.lie = (_path, response) => Boolean(response.destroy())
    issuer.cut()
    while (health().feed !== 'lost') await pause(20)
    t.equal(await status(token), 200)
  },
)

t.test('the event stream may end its lines and be spaced as the standard allows', async t => {
  const { issuer, services, credentials, guard } = await rig(t)
  issuer.rewrite = chunk => `:proxy\r\n${chunk.replaceAll(': ', ':').replaceAll('\n', '\r\n')}`
  const { status, health } = guard({ ...credentials, maxStalenessSeconds: 3_600 })
  const { user, id, token } = await actingAs(services, ['orders:read'])
  t.equal(await status(token), 200)
  while (health().feed !== 'live') await pause(20)
  const from = issuer.asked.length
  await services.tokens.revoke(user.id, id)
  while ((await status(token)) !== 401) await pause(20)
  t.notOk(issuer.asked.slice(from).some(isList), 'what the feed tells needs no list')
})
