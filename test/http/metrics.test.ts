import type { AddressInfo } from 'node:net'
import t from 'tap'
import { createRemote } from '../../packages/guard/src/index.ts'
import { actingAs, testApp } from '../helpers/app.ts'
import { listeningIssuer } from '../helpers/issuer.ts'
import { bearer, requester } from '../helpers/requester.ts'

const TOKEN = 'm'.repeat(40)

/** The value of one line of Prometheus' text format. */
const value = (text: string, line: string) =>
  Number(
    text
      .split('\n')
      .find(each => each.startsWith(`${line} `))
      ?.split(' ')
      .at(-1) ?? Number.NaN,
  )

t.test('without a METRICS_TOKEN there are no metrics; with one, for whoever shows it', async t => {
  const closed = await testApp(t)
  t.equal((await closed.app.inject('/metrics')).statusCode, 404)
  const { app, services } = await testApp(t, { metricsToken: TOKEN })
  t.equal((await app.inject('/metrics')).statusCode, 401)
  t.equal((await app.inject({ url: '/metrics', headers: bearer(`${TOKEN}x`) })).statusCode, 401)
  const { headers } = await actingAs(services, ['*'])
  t.equal((await app.inject({ url: '/metrics', headers })).statusCode, 401, 'an access token is another thing')
  const answer = await app.inject({ url: '/metrics', headers: bearer(TOKEN) })
  t.equal(answer.statusCode, 200)
  t.match(answer.headers, { 'content-type': /^text\/plain; version=0\.0\.4/, 'cache-control': 'no-store' })
})

t.test('what happened is counted', async t => {
  const { app, services } = await testApp(t, { metricsToken: TOKEN })
  const metrics = async () => (await app.inject({ url: '/metrics', headers: bearer(TOKEN) })).body
  const before = await metrics()
  const { id, headers } = await actingAs(services, ['tokens:read', 'tokens:write'])
  await requester(app, headers).get('/api/tokens')
  await requester(app, headers).delete(`/api/tokens/${id}`)
  await requester(app, headers).get('/api/tokens')
  await services.lists.catchUp()
  const after = await metrics()
  t.equal(value(after, 'postern_tokens_issued_total'), value(before, 'postern_tokens_issued_total') + 1)
  t.equal(value(after, 'postern_status_changes_total{status="revoked"}'), 1)
  t.equal(value(after, 'postern_sequence'), value(after, 'postern_newest_sequence'))
  t.equal(value(after, 'postern_lag'), 0)
  t.equal(value(after, 'postern_database_up'), 1)
  t.equal(value(after, 'postern_ready'), 1)
  const requests = 'postern_http_request_duration_seconds_count{method="GET",route="/api/tokens"'
  t.equal(value(after, `${requests},status="2xx"}`), 1)
  t.equal(value(after, `${requests},status="401"}`), 1)
  t.match(after, /^process_resident_memory_bytes \d/m)
})

t.test('each reader of the feed stands there by its client', async t => {
  const { issuer, app, services } = await listeningIssuer(t, { metricsToken: TOKEN })
  const { client, secret } = await services.clients.create({
    name: 'Orders API',
    audience: 'https://orders.example.com',
  })
  const remote = createRemote({
    issuer,
    audience: 'https://orders.example.com',
    clientId: client.id,
    clientSecret: secret as string,
  })
  t.teardown(() => remote.close())
  await remote.ready()
  const { port } = app.server.address() as AddressInfo
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`, { headers: bearer(TOKEN) })).text()
  t.equal(value(text, 'postern_feed_readers'), 1)
  t.equal(value(text, `postern_feed_reader_sequence{client_id="${client.id}"}`), remote.position)
})
