import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import express, { type RequestHandler } from 'express'
import { type McpGuardOptions, mcpGuard } from 'postern/guard/mcp'
import t, { type Test } from 'tap'
import { createTestIssuer } from '../../../packages/guard/src/testing/index.ts'
import { type Kind, type ProtectedServer, parseAsExpress4, protectedServer, TOOLS } from '../../helpers/mcp-server.ts'
import { freePort } from '../../helpers/port.ts'

const port = await freePort()
const origin = `http://127.0.0.1:${port}`
const audience = `${origin}/mcp`
const issuer = await createTestIssuer({ audience })
t.teardown(() => issuer.close())
t.jobs = 1

const options = { ...issuer.guard, audience, scopes: ['orders:read'], tools: TOOLS }
const METADATA = `${origin}/.well-known/oauth-protected-resource/mcp`

/** The official client with a token that it already has. */
async function connected(t: Test, token: string, url = audience): Promise<Client> {
  const client = new Client({ name: 'test', version: '1' })
  const headers = { authorization: `Bearer ${token}` }
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } }) as never)
  t.teardown(() => client.close())
  return client
}

const tokenFor = (scopes: string[], user = 'ada', more = {}) => issuer.token({ user, scopes, ...more })

/** A message as a client sends it. */
const post = (body: unknown, token?: string, headers: Record<string, string> = {}) =>
  fetch(audience, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...(token && { authorization: `Bearer ${token}` }),
      ...headers,
    },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })

const call = (name: unknown, id: unknown = 1) => ({
  jsonrpc: '2.0',
  id,
  method: 'tools/call',
  params: { name, arguments: {} },
})
const textOf = (result: unknown) => (result as { content: { text: string }[] }).content[0]?.text

const SERVERS: [name: string, kind: Kind, settings: Parameters<typeof protectedServer>[3]][] = [
  ['Express, sessions, event streams', 'express', {}],
  ['Express, a body that was parsed before, JSON', 'express', { json: true, parse: express.json() }],
  ['Express 4, a body that was parsed before', 'express', { parse: parseAsExpress4() }],
  ['Express 4, a parser of other types', 'express', { parse: parseAsExpress4({ type: 'text/x' }) }],
  ['node:http, no sessions, event streams', 'node', {}],
  ['node:http, no sessions, JSON', 'node', { json: true }],
]

for (const [name, kind, settings] of SERVERS) {
  const serve = (t: Test, more: Partial<McpGuardOptions> = {}): Promise<ProtectedServer> =>
    protectedServer(t, kind, { ...options, ...more } as McpGuardOptions, settings)

  t.test(`${name}: a tool learns who calls it, and a token calls what it may`, async t => {
    const { calls } = await serve(t)
    const client = await connected(t, await tokenFor(['orders:read', 'orders:create']))
    t.equal(textOf(await client.callTool({ name: 'list_orders' })), 'for ada')
    t.equal(textOf(await client.callTool({ name: 'place_order', arguments: { item: 'tea' } })), 'for ada')
    await t.rejects(client.callTool({ name: 'export_report' }), { code: 403 })
    t.strictSame(calls, ['ada', 'ada'], 'what is refused reaches no tool')
  })

  t.test(`${name}: tools that the token may not call are marked`, async t => {
    await serve(t)
    const client = await connected(t, await tokenFor(['orders:read', 'reports']))
    const { tools } = await client.listTools()
    t.strictSame(
      tools.map(({ name, _meta }) => [name, _meta?.['postern/missing_scopes']]),
      [
        ['list_orders', undefined],
        ['place_order', ['orders:create']],
        ['export_report', ['reports:export']],
      ],
    )
  })

  t.test(`${name}: 401 and 403 say what to request, in JSON-RPC`, async t => {
    await serve(t)
    const none = await post(call('list_orders'))
    t.equal(none.status, 401)
    t.equal(
      none.headers.get('www-authenticate'),
      `Bearer realm="postern", scope="orders:read", resource_metadata="${METADATA}"`,
    )
    t.match(await none.json(), { jsonrpc: '2.0', id: null, error: { code: -32_000, data: { status: 401 } } })
    const bad = await post(call('list_orders'), 'nonsense')
    t.match(bad.headers.get('www-authenticate'), 'error="invalid_token"')

    const token = await tokenFor(['orders:read', 'reports', 'another:api'])
    const lacking = await post(call('place_order', 'seven'), token)
    t.equal(lacking.status, 403)
    t.equal(
      lacking.headers.get('www-authenticate'),
      'Bearer realm="postern", error="insufficient_scope", ' +
        'error_description="This needs all of the scopes orders:read, orders:create.", ' +
        `scope="orders:read orders:create reports", resource_metadata="${METADATA}"`,
      'with what the token has for this server, since the client replaces it',
    )
    t.match(await lacking.json(), {
      jsonrpc: '2.0',
      id: 'seven',
      error: { message: /orders:create/, data: { missing: ['orders:create'] } },
    })
    const little = await post(call('list_orders'), await tokenFor([]))
    t.equal(little.status, 403)
    t.match(little.headers.get('www-authenticate'), 'scope="orders:read"')
  })

  t.test(`${name}: every message of a batch counts`, async t => {
    const { calls } = await serve(t)
    const batch = [call('list_orders', 1), call('place_order', 2), call('export_report', 3)]
    const refused = await post(batch, await tokenFor(['orders:read']))
    t.equal(refused.status, 403)
    t.match(refused.headers.get('www-authenticate'), 'scope="orders:read orders:create reports reports:export"')
    t.strictSame(calls, [])
  })

  t.test(`${name}: a token for another server, an expired and a revoked one are refused`, async t => {
    await serve(t)
    const elsewhere = await issuer.token({ audience: 'https://other.example.com/mcp', scopes: ['orders:read'] })
    t.equal((await post(call('list_orders'), elsewhere)).status, 401)
    const token = await tokenFor(['orders:read'])
    const client = await connected(t, token)
    issuer.revoke(token)
    const refused = async () => (await post(call('list_orders'), token)).status === 401
    while (!(await refused())) await new Promise(resolve => setTimeout(resolve, 10))
    await t.rejects(client.callTool({ name: 'list_orders' }), { code: 401 })
  })
}

for (const json of [true, false]) {
  t.test(`hidden tools are not listed, ${json ? 'JSON' : 'event stream'}`, async t => {
    await protectedServer(t, 'node', { ...options, unavailableTools: 'hide' }, { json })
    const client = await connected(t, await tokenFor(['orders:read']))
    t.strictSame(
      (await client.listTools()).tools.map(({ name }) => name),
      ['list_orders'],
    )
    t.equal((await post(call('place_order'), await tokenFor(['orders:read']))).status, 403, 'and not callable')
  })
}

t.test('the metadata is at both well-known addresses, for every origin', async t => {
  await protectedServer(t, 'express', { ...options, name: 'Orders' })
  for (const url of [METADATA, `${origin}/.well-known/oauth-protected-resource`]) {
    const response = await fetch(url)
    t.equal(response.headers.get('access-control-allow-origin'), '*')
    t.strictSame(await response.json(), {
      resource: audience,
      authorization_servers: [issuer.url],
      scopes_supported: ['orders:read'],
      bearer_methods_supported: ['header'],
      resource_name: 'Orders',
    })
  }
  t.equal((await fetch(`${origin}/health`)).status, 200, 'a route before the guard is open')
})

t.test('no spelling of the path, no method and no body gets around it', async t => {
  const { calls } = await protectedServer(t, 'express', options)
  for (const path of ['/mcp', '/mcp/', '/MCP', '/%6dcp', '/mcp?x=1', '/other', '//mcp'])
    for (const method of ['GET', 'POST', 'DELETE', 'OPTIONS', 'PUT'])
      t.equal((await fetch(origin + path, { method })).status, 401, `${method} ${path}`)
  const token = await tokenFor(['orders:read'])
  const twice = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"list_orders","name":"place_order"}}'
  t.equal((await post(twice, token)).status, 403, 'the server reads the same name')
  t.match(await post('{"jsonrpc":', token), { status: 400 })
  t.equal((await post(`"${'x'.repeat(5_000_000)}"`, token)).status, 413)
  for (const body of [
    'null',
    '[]',
    '[null,1,"x"]',
    '7',
    JSON.stringify(call({ a: 1 })),
    JSON.stringify(call('__proto__')),
  ]) {
    const { status } = await post(body, token)
    t.ok(status >= 200 && status < 500, body)
  }
  t.strictSame(calls, [])
})

/** What may run before the guard. */
const PARSERS: Record<string, RequestHandler | undefined> = {
  none: undefined,
  'express.json() of Express 5': express.json(),
  'express.json() of Express 4': parseAsExpress4(),
  'express.json() of Express 4 for another type': parseAsExpress4({ type: 'text/x' }),
  'express.text()': express.text({ type: '*/*' }),
  'express.raw()': express.raw({ type: '*/*' }),
  'one that sets null': (request, _response, next) => {
    request.body = null
    next()
  },
}

for (const [name, parse] of Object.entries(PARSERS)) {
  t.test(`the scopes of a tool are checked after a body parser: ${name}`, async t => {
    const { calls } = await protectedServer(t, 'express', options, { parse })
    const token = await tokenFor(['orders:read'])
    t.equal((await post(call('place_order'), token)).status, 403)
    const charset = { 'content-type': 'Application/JSON ; charset=utf-8' }
    t.equal((await post(call('place_order'), token, charset)).status, 403)
    for (const type of [
      'text/plain',
      'text/x; a=application/json',
      'application/json, text/x',
      'application/jsonx',
      '',
    ]) {
      const response = await post(call('place_order'), token, { 'content-type': type })
      t.equal(response.status, 415, type)
      t.match(await response.json(), { error: { message: /application\/json/ } })
    }
    for (const body of ['null', '']) t.equal((await post(body, token)).status, 400, `the body ${body}`)
    t.strictSame(calls, [])
  })
}

t.test('a body that was read and is null is refused', async t => {
  const parse: RequestHandler = (request, _response, next) => {
    request.resume().on('end', () => {
      request.body = null
      next()
    })
  }
  await protectedServer(t, 'express', options, { parse })
  t.equal((await post(call('place_order'), await tokenFor(['orders:read', 'orders:create']))).status, 400)
})

t.test('a session is for whoever began it', async t => {
  await protectedServer(t, 'express', options)
  const initialize = {
    jsonrpc: '2.0',
    id: 1,
    method: 'initialize',
    params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'x', version: '1' } },
  }
  const mine = await post(initialize, await tokenFor(['orders:read'], 'ada'))
  const session = { 'mcp-session-id': String(mine.headers.get('mcp-session-id')) }
  await mine.body?.cancel()
  t.match(session['mcp-session-id'], /^[0-9a-f-]{36}$/)
  const list = { jsonrpc: '2.0', id: 2, method: 'tools/list' }
  t.equal((await post(list, await tokenFor(['orders:read'], 'eve'), session)).status, 404)
  t.equal((await post(list, await tokenFor(['orders:read'], 'ada'), session)).status, 200, 'with another token too')
})

t.test('a stream ends with its token', async t => {
  const { url } = await protectedServer(t, 'express', options)
  const token = await tokenFor(['orders:read'])
  await connected(t, token, url)
  const initialize = {
    jsonrpc: '2.0',
    id: 1,
    method: 'initialize',
    params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'x', version: '1' } },
  }
  const begun = await post(initialize, token)
  await begun.body?.cancel()
  const stream = await fetch(url, {
    headers: {
      authorization: `Bearer ${token}`,
      accept: 'text/event-stream',
      'mcp-session-id': String(begun.headers.get('mcp-session-id')),
    },
  })
  t.equal(stream.status, 200)
  issuer.revoke(token)
  await t.rejects(stream.text(), 'it is cut off')
})

t.test('a mistake shows when the guard is made', async t => {
  const { audience: _, ...rest } = options
  const wrong: [object, RegExp][] = [
    [rest, /audience is missing/],
    [{ ...options, audience: 'urn:x' }, /audience must be an http or https URL/],
    [{ ...options, audience: [audience] }, /audience must be/],
    [{ ...options, tools: [] }, /tools must be an object/],
    [{ ...options, tools: { a: 'x' } }, /tools\.a must be a list of scopes/],
    [{ ...options, unavailableTools: 'show' }, /"mark" or "hide"/],
    [{ audience, authenticate: () => {} }, /authorizationServers is missing/],
  ]
  for (const [given, message] of wrong)
    t.throws(() => mcpGuard(given as McpGuardOptions), { name: 'TypeError', message })
})
