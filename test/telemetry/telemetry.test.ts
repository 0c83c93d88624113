import t, { type Test } from 'tap'
import { APP_KEY } from '../helpers/app.ts'
import { SERVER, testDatabase } from '../helpers/database.ts'
import { otlpReceiver } from '../helpers/otlp.ts'
import { freePort } from '../helpers/port.ts'
import { type Launched, launch } from '../helpers/process.ts'

/** The server as it is started, with a collector that keeps what it exports. */

async function environment(t: Test): Promise<Record<string, string>> {
  const { databaseUrl } = await testDatabase(t)
  return databaseUrl ? { DATABASE_URL: databaseUrl, APP_KEY } : { DATA_DIR: t.testdir() }
}

/** Starts a server, uses it, and stops it, which exports what is left. */
async function run(
  t: Test,
  env: Record<string, string>,
  use: (server: Launched) => Promise<unknown>,
): Promise<Launched> {
  const server = await launch(t, { ...(await environment(t)), OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json', ...env })
  await server.ready
  await use(server)
  server.kill('SIGTERM')
  t.equal(await server.ended, 0, server.stderr())
  return server
}

const SECRETS = [
  'zqCODEzq',
  'zqTOKENzq',
  'zqBEARERzq',
  'zqCOOKIEzq',
  'zqPASSWORDzq',
  'zqMAILzq',
  'zqPATHzq',
  'zqSTATEzq',
]

t.test('requests and statements are exported, without secrets', async t => {
  const collector = await otlpReceiver(t)
  const administrator = { password: '', token: '' }
  const trace = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`
  await run(
    t,
    { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_EXPORTER_OTLP_HEADERS: 'x-key=zqKEYzq' },
    async server => {
      const { email, password } = server.administrator() ?? {}
      const headers = { 'content-type': 'application/json', cookie: 'postern=zqCOOKIEzq', traceparent: trace }
      const issue = (body: object) =>
        fetch(`${server.url}/api/tokens`, { method: 'POST', headers, body: JSON.stringify(body) })
      const { token } = (await (await issue({ email, password, device_name: 'x' })).json()) as { token: string }
      Object.assign(administrator, { password, token })
      await issue({ email: 'zqMAILzq@example.com', password: 'zqPASSWORDzq', device_name: 'x' })
      const query =
        'client_id=x&redirect_uri=https://app.example.com/?code=zqCODEzq&access_token=zqTOKENzq&state=zqSTATEzq'
      await fetch(`${server.url}/oauth/authorize?${query}`, { redirect: 'manual' })
      await fetch(`${server.url}/api/tokens/${'x'.repeat(40)}zqPATHzq`, {
        headers: { authorization: 'Bearer zqBEARERzq' },
      })
      await fetch(`${server.url}/api/tokens`, { headers: { authorization: `Bearer ${token}` } })
      await fetch(`${server.url}/health/ready`)
    },
  )
  for (const secret of [...SECRETS, ...Object.values(administrator)]) {
    t.ok(secret, 'there is a secret to look for')
    t.notOk(collector.text().includes(secret), `${secret.slice(0, 12)} is not exported`)
  }
  t.equal(collector.headers[0]?.['x-key'], 'zqKEYzq', 'the exporter authenticates')

  const spans = collector.spans()
  const issued = spans.find(
    span => span.name === 'POST /api/tokens' && span.attributes['http.response.status_code'] === 201,
  )
  t.match(issued, {
    kind: 2,
    traceId: 'a'.repeat(32),
    parentSpanId: 'b'.repeat(16),
    attributes: {
      'http.route': '/api/tokens',
      'http.request.method': 'POST',
      'url.path': '/api/tokens',
      'client.address': '127.0.0.1',
    },
  })
  t.ok(spans.some(span => span.name === 'GET /api/tokens/:id' && span.attributes['url.path'] === '/api/tokens/[long]'))
  t.notOk(
    spans.some(span => /health/.test(span.name)),
    'probes are not traced',
  )
  for (const span of spans) t.notOk('url.query' in span.attributes, span.name)
  if (SERVER) {
    const statements = spans.filter(span => span.parentSpanId === issued?.spanId && span.kind === 3)
    t.ok(statements.length > 0, 'statements belong to the request')
    t.match(statements[0]?.attributes, { 'db.system.name': 'postgresql', 'db.query.text': /./ })
  }

  const metrics = collector.metrics()
  t.match(metrics.get('http.server.request.duration')?.[0], { 'http.route': /^\//, 'http.request.method': /^[A-Z]+$/ })
  for (const name of ['postern.tokens_issued', 'postern.lag', 'postern.database_up']) t.ok(metrics.has(name), name)
  t.equal(metrics.has('db.client.operation.duration'), SERVER !== undefined)
  t.match(collector.resource(), { 'service.name': 'postern', 'service.version': /^\d/ })
  t.notOk('process.command_args' in collector.resource())
})

t.test('the standard variables are obeyed', async t => {
  const use = (server: Launched) => fetch(`${server.url}/api/tokens`)
  const sampled = await otlpReceiver(t)
  await run(
    t,
    {
      OTEL_EXPORTER_OTLP_ENDPOINT: sampled.url,
      OTEL_TRACES_SAMPLER: 'always_off',
      OTEL_SERVICE_NAME: 'tokens',
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
    },
    use,
  )
  t.equal(sampled.spans().length, 0, 'no request is sampled')
  t.match(sampled.resource(), { 'service.name': 'tokens', 'deployment.environment.name': 'test' })

  const traced = await otlpReceiver(t)
  await run(
    t,
    {
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${traced.url}/v1/traces`,
      OTEL_RESOURCE_ATTRIBUTES: 'service.name=named',
    },
    use,
  )
  t.ok(traced.spans().some(span => span.name === 'GET /api/tokens'))
  t.equal(traced.metrics().size, 0, 'without an endpoint for metrics, none are sent')
  t.match(traced.resource(), { 'service.name': 'named' })
})

/** Prints the URL of each module of OpenTelemetry that is loaded. */
const WATCH = `import { registerHooks } from 'node:module'
registerHooks({ load(url, context, next) { if (/opentelemetry|src.telemetry|in-the-middle/.test(url)) process.stderr.write('loaded ' + url + '\\n'); return next(url, context) } })`
const NODE_OPTIONS = `--import=data:text/javascript,${encodeURIComponent(WATCH)}`

t.test('without an endpoint, and when it is disabled, nothing of it is loaded', async t => {
  const { url, text } = await otlpReceiver(t)
  const loaded = async (env: Record<string, string>) =>
    (await run(t, { NODE_OPTIONS, ...env }, server => fetch(`${server.url}/api/tokens`))).stderr()
  t.equal(await loaded({}), '')
  t.equal(await loaded({ OTEL_EXPORTER_OTLP_ENDPOINT: url, OTEL_SDK_DISABLED: 'true' }), '')
  t.equal(text(), '')
  t.match(await loaded({ OTEL_EXPORTER_OTLP_ENDPOINT: url }), /@opentelemetry\/sdk-node/, 'and the watch sees it')
})

t.test('a collector that is away delays nothing and says so in one line', async t => {
  const endpoint = `http://127.0.0.1:${await freePort()}`
  const server = await run(
    t,
    { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_BSP_SCHEDULE_DELAY: '50' },
    async server => {
      for (let i = 0; i < 5; i++) t.equal((await fetch(`${server.url}/api/tokens`)).status, 401)
    },
  )
  t.match(server.stderr(), /^(postern: OpenTelemetry: [^\n]{1,320}\n)*$/)
})
