import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { declareRestored } from '../../src/dump/declare-restored.ts'
import { actingAs, newUser, testApp } from '../helpers/app.ts'
import { basic } from '../helpers/oauth.ts'
import { listOf, referenceOf } from '../helpers/status.ts'

const API = { name: 'Orders API', audience: 'https://orders.example.com' }

interface Event {
  id: number
  event: string
  data: { sequence: number; list?: number; index?: number; status?: number }
}

/** Events as they come, from a server that listens. */
async function* follow(url: string, headers: Record<string, string>): AsyncGenerator<Event> {
  const abort = new AbortController()
  const answer = await fetch(`${url}/oauth/events`, { headers, signal: abort.signal })
  if (answer.status !== 200) throw new Error(String(answer.status))
  let text = ''
  try {
    for await (const chunk of answer.body as unknown as AsyncIterable<Uint8Array>) {
      text += Buffer.from(chunk).toString()
      for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
        const fields = Object.fromEntries(
          text
            .slice(0, end)
            .split('\n')
            .map(line => line.split(/: (.*)/s).slice(0, 2)),
        )
        text = text.slice(end + 2)
        yield { id: Number(fields.id), event: fields.event, data: JSON.parse(fields.data) }
      }
    }
  } finally {
    abort.abort()
  }
}

async function next(events: AsyncGenerator<Event>, kind: string): Promise<Event> {
  for (;;) {
    const { value, done } = await events.next()
    if (done) throw new Error('the feed ended')
    if (value.event === kind) return value
  }
}

async function listening(app: FastifyInstance): Promise<string> {
  await app.listen({ port: 0, host: '127.0.0.1' })
  return `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`
}

t.test('a revocation is sent, and a reader that was disconnected misses nothing', async t => {
  const { app, services } = await testApp(t)
  t.teardown(() => app.close())
  const url = await listening(app)
  const { client, secret } = await services.clients.create(API)
  const { user, id, token } = await actingAs(services)
  const reference = referenceOf(token)
  const events = follow(url, basic(client.id, secret))
  const hello = await next(events, 'heartbeat')
  await services.tokens.revoke(user.id, id)
  const told = await next(events, 'status')
  t.match(told, { data: { index: reference.idx, status: 1, list: listOf(reference) } })
  t.equal(told.id, told.data.sequence)
  await events.return(undefined)

  const away = [await actingAs(services, [], { user }), await actingAs(services, [], { user })]
  await services.tokens.revokeAll(user.id)
  const back = follow(url, { ...basic(client.id, secret), 'last-event-id': String(hello.id) })
  const missed = [await next(back, 'status'), await next(back, 'status'), await next(back, 'status')]
  t.same(missed[0], told, 'from where it was')
  t.same(
    missed
      .slice(1)
      .map(e => e.data.index)
      .sort(),
    away.map(a => referenceOf(a.token).idx).sort(),
  )
  t.ok(
    missed.every((e, i) => i === 0 || e.id > (missed[i - 1] as Event).id),
    'in order',
  )
  await back.return(undefined)

  const old = follow(url, { ...basic(client.id, secret), 'last-event-id': '999999999' })
  t.match(await next(old, 'reload'), { data: { sequence: missed[2]?.id } }, 'a number nobody told: reload')
  await old.return(undefined)
})

t.test('a reader that has more than a restored backup is told to load the lists, whatever came since', async t => {
  const { app, services } = await testApp(t)
  t.teardown(() => app.close())
  const { client, secret } = await services.clients.create(API)
  const { user, id } = await actingAs(services)
  const [later, latest] = [await actingAs(services, [], { user }), await actingAs(services, [], { user })]
  await services.tokens.revoke(user.id, id)
  await services.lists.catchUp()
  const backup = services.lists.sequence
  await declareRestored(services.db)
  const url = await listening(app)
  await services.tokens.revoke(user.id, later.id)
  const events = follow(url, { ...basic(client.id, secret), 'last-event-id': String(backup + 5) })
  t.equal((await events.next()).value.event, 'reload')
  await next(events, 'heartbeat')
  await services.tokens.revoke(user.id, latest.id)
  t.match(await next(events, 'status'), { data: { index: referenceOf(latest.token).idx } })
  await events.return(undefined)
})

t.test('the feed requires client authentication', async t => {
  const { app, services } = await testApp(t)
  const { client } = await services.clients.create({ name: 'A page', public: true })
  t.equal((await app.inject({ url: '/oauth/events' })).statusCode, 401)
  t.equal((await app.inject({ url: '/oauth/events', headers: basic(client.id, '') })).statusCode, 401)
  t.equal((await app.inject({ url: '/oauth/events', headers: basic(client.id, 'x') })).statusCode, 401)
})

t.test('the feed is for resource servers only', async t => {
  const { app, services } = await testApp(t)
  const { id: userId } = await newUser(services)
  const redirectUris = ['https://app.example/cb']
  for (const settings of [{ name: 'Somebody’s app', userId, redirectUris }, { name: 'nightly' }]) {
    const { client, secret } = await services.clients.create(settings)
    const refused = await app.inject({ url: '/oauth/events', headers: basic(client.id, secret) })
    t.equal(refused.statusCode, 403)
    t.match(refused.json(), { detail: /Only a client with an audience.*postern client update/ })
  }
})

t.test('streams are limited per client', async t => {
  const { app, services } = await testApp(t, { feedStreamsPerClient: 3 })
  t.teardown(() => app.close())
  const url = await listening(app)
  const { client, secret } = await services.clients.create(API)
  const { client: other, secret: otherSecret } = await services.clients.create({ ...API, audience: 'urn:reports' })
  const own = Array.from({ length: 3 }, () => follow(url, basic(client.id, secret)))
  await Promise.all(own.map(events => next(events, 'heartbeat')))
  const refused = await app.inject({ url: '/oauth/events', headers: basic(client.id, secret) })
  t.equal(refused.statusCode, 429)
  t.equal(refused.headers['retry-after'], '5')
  t.match(refused.json(), { type: 'urn:postern:error:too_many_streams', limit: 3, detail: /FEED_STREAMS_PER_CLIENT/ })
  const elsewhere = follow(url, basic(other.id, otherSecret))
  t.ok(await next(elsewhere, 'heartbeat'))
  const [first, ...rest] = own as [AsyncGenerator<Event>]
  await first.return(undefined)
  // The server learns of the end a moment later.
  for (;;) {
    const again = follow(url, basic(client.id, secret))
    const event = await next(again, 'heartbeat').catch(error => error.message)
    await again.return(undefined)
    if (event !== '429') break
  }
  for (const events of [...rest, elsewhere]) await events.return(undefined)
})

t.test('revoking a client ends its stream', async t => {
  const { app, services } = await testApp(t)
  t.teardown(() => app.close())
  const url = await listening(app)
  const { client, secret } = await services.clients.create(API)
  const events = follow(url, basic(client.id, secret))
  await next(events, 'heartbeat')
  await services.clients.revoke(client.id)
  await t.rejects(next(events, 'never'), /the feed ended/)
})

t.test('a HEAD request ends immediately, and requires authentication', async t => {
  const { app, services } = await testApp(t)
  const { client, secret } = await services.clients.create(API)
  t.equal((await app.inject({ method: 'HEAD', url: '/oauth/events' })).statusCode, 401)
  const answer = await app.inject({ method: 'HEAD', url: '/oauth/events', headers: basic(client.id, secret) })
  t.equal(answer.statusCode, 200)
  t.match(answer.headers['content-type'], 'text/event-stream')
  t.equal(answer.body, '')
})

t.test('a stream ends when its client secret expires', async t => {
  const { app, services } = await testApp(t)
  t.teardown(() => app.close())
  const url = await listening(app)
  const { client, secret } = await services.clients.create(API)
  const { secret: young } = await services.clients.rotateSecret(client.id, { overlapSeconds: 2 })
  const old = follow(url, basic(client.id, secret))
  const other = follow(url, basic(client.id, young))
  await next(old, 'heartbeat')
  await next(other, 'heartbeat')
  await t.rejects(next(old, 'never'), /the feed ended/)
  t.ok(await next(other, 'heartbeat'), 'the one with the new secret goes on')
  await other.return(undefined)
})

t.test('a reader that is ahead of the database is logged once, and changes nothing', async t => {
  const logged: { fields: object; message: string }[] = []
  const log = { warn: (fields: object, message: string) => void logged.push({ fields, message }), error() {} }
  const { app, services } = await testApp(t, { log, metricsToken: 'metrics-token-of-a-test-that-is-long-enough' })
  t.teardown(() => app.close())
  const url = await listening(app)
  const { client, secret } = await services.clients.create(API)
  const { id, user, token } = await actingAs(services)
  const position = async (since?: number) => {
    const headers = { ...basic(client.id, secret), ...(since !== undefined && { 'last-event-id': String(since) }) }
    const events = follow(url, headers)
    const { id } = await next(events, 'heartbeat')
    return { id, events }
  }
  const { id: current, events } = await position()
  await (await position(current)).events.return(undefined)
  t.same(logged, [], 'one that is up to date is not')
  for (let i = 1; i <= 3; i++) t.equal((await position(current + i)).id, current)
  t.match(logged, [{ fields: { client_id: client.id, sequence: current }, message: /postern restored --collect/ }])
  t.equal(logged.length, 1)
  await services.tokens.revoke(user.id, id)
  const { idx: index } = referenceOf(token)
  t.match(await next(events, 'status'), { data: { index, status: 1 } }, 'others are served')
  const authorization = 'Bearer metrics-token-of-a-test-that-is-long-enough'
  const metrics = await (await fetch(`${url}/metrics`, { headers: { authorization } })).text()
  t.match(metrics, /^postern_feed_readers_ahead_total 3$/m)
})
