import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'
import type { AdapterOptions, Checks } from '../../../packages/guard/src/adapters/public.ts'
import type { Authenticate } from '../../../packages/guard/src/index.ts'
import { createTestIssuer } from '../../../packages/guard/src/testing/index.ts'
import { actingAs } from '../../helpers/app.ts'
import { accepts } from '../../helpers/good.ts'
import { listeningIssuer } from '../../helpers/issuer.ts'
import { sendRaw } from '../../helpers/raw.ts'
import { bearer } from '../../helpers/requester.ts'

/** Guarded routes in one framework's words, each of which answers `{user}`, and the metadata if the guard has an audience. */
export type Serve = (options: AdapterOptions) => Promise<{ server: Server; checks: Checks<unknown> }>

const API = 'https://orders.example.com/v1'
const METADATA = 'https://orders.example.com/.well-known/oauth-protected-resource/v1'
const REALM = 'Bearer realm="postern"'

interface Answer {
  status: number
  challenge: string | null
  type: string | null
  body: Record<string, unknown>
}

/** Listens until the test ends. @returns its port */
export async function listen(t: Test, server: Server): Promise<number> {
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close().closeAllConnections())
  return (server.address() as AddressInfo).port
}

async function start(t: Test, serve: Serve, options: AdapterOptions) {
  const { server, checks } = await serve(options)
  t.teardown(() => checks.close())
  const port = await listen(t, server)
  const ask = async (path: string, headers: Record<string, string> = {}, init: RequestInit = {}): Promise<Answer> => {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, { headers, ...init })
    const { status } = answer
    const [challenge, type] = ['www-authenticate', 'content-type'].map(name => answer.headers.get(name))
    return { status, challenge: challenge ?? null, type: type ?? null, body: JSON.parse((await answer.text()) || '{}') }
  }
  return { ask, port }
}

/** Asks until the answer is the one that must come; a test that waits for it in vain runs into its time limit. */
async function until(status: number, ask: () => Promise<Answer>): Promise<void> {
  while ((await ask()).status !== status) await new Promise(resolve => setTimeout(resolve, 10))
}

/** What every framework's guard does. */
export function guards(t: Test, serve: Serve): void {
  t.test('tokens of a real issuer', async t => {
    const { issuer, services } = await listeningIssuer(t, { audience: API })
    const { client, secret } = await services.clients.create({ name: 'Orders API', audience: API })
    const credentials = { clientId: client.id, clientSecret: String(secret) }
    const { ask } = await start(t, serve, { issuer, audience: API, ...credentials, resource: API })
    const { id, user, token } = await actingAs(services, ['orders:read'])

    t.strictSame(await ask('/any'), {
      status: 401,
      challenge: `${REALM}, resource_metadata="${METADATA}"`,
      type: 'application/problem+json',
      body: {
        type: 'urn:postern:error:unauthenticated',
        title: 'Unauthenticated',
        status: 401,
        detail: 'Send an access token: "Authorization: Bearer <token>".',
      },
    })
    t.match(await ask('/read', bearer('nonsense')), {
      status: 401,
      challenge: new RegExp(
        `^${REALM}, error="invalid_token", error_description="[^"]+", scope="orders:read", resource_metadata="${METADATA}"$`,
      ),
      body: { status: 401, type: 'urn:postern:error:invalid_token' },
    })
    const good = await ask('/read', bearer(token))
    t.match(good, { status: 200, body: { user: user.id } })
    t.match(await ask('/create', bearer(token)), {
      status: 403,
      challenge:
        `${REALM}, error="insufficient_scope", error_description="This needs all of the scopes orders:read, orders:create.", ` +
        `scope="orders:read orders:create", resource_metadata="${METADATA}"`,
      type: 'application/problem+json',
      body: {
        status: 403,
        detail: 'This needs all of the scopes orders:read, orders:create; the token has orders:read.',
        required: { all: ['orders:read', 'orders:create'] },
        granted: ['orders:read'],
        missing: ['orders:create'],
      },
    })
    t.match(await ask('/either', bearer(token)), { status: 403, body: { required: { any: ['reports', 'x'] } } })
    const reports = await actingAs(services, ['reports'], { format: 'opaque' })
    t.equal((await ask('/either', bearer(reports.token))).status, 200)

    await services.tokens.revoke(user.id, id)
    await until(401, () => ask('/read', bearer(token)))
    t.match(await ask('/read', bearer(token)), { challenge: /error="invalid_token"/ })
  })

  t.test('the metadata is served by one line, and the challenges name it', async t => {
    const issuer = await createTestIssuer({ audience: API })
    t.teardown(() => issuer.close())
    const { ask, port } = await start(t, serve, issuer.guard)
    const path = new URL(METADATA).pathname
    const metadata = { resource: API, authorization_servers: [issuer.url], scopes_supported: ['orders:read'] }
    t.match(await ask(path), { status: 200, body: metadata })
    t.match(await ask(`${path}?x`), { status: 200, body: metadata })
    const request = (method: string) => fetch(`http://127.0.0.1:${port}${path}`, { method })
    const [head, preflight] = [await request('HEAD'), await request('OPTIONS')]
    t.strictSame([head.status, await head.text(), preflight.status, await preflight.text()], [200, '', 204, ''])
    for (const { headers } of [head, preflight]) t.equal(headers.get('access-control-allow-origin'), '*')
    t.equal(preflight.headers.get('access-control-allow-headers'), '*')
    t.equal((await ask('/read')).challenge, `${REALM}, scope="orders:read", resource_metadata="${METADATA}"`)
    t.equal((await ask('/either')).challenge, `${REALM}, scope="reports x", resource_metadata="${METADATA}"`)
    t.equal((await ask('/any')).challenge, `${REALM}, resource_metadata="${METADATA}"`)
    const token = await issuer.token({ audience: API, scopes: ['orders:read'] })
    t.match((await ask('/create', bearer(token))).challenge, `resource_metadata="${METADATA}"`)
  })

  t.test('a token comes in one way, the header', async t => {
    const { ask } = await start(t, serve, { authenticate: accepts })
    t.equal((await ask('/any', bearer('good'))).status, 200)
    t.equal((await ask('/any?page=2', bearer('good'))).status, 200)
    for (const scheme of ['bearer', 'BEARER', 'bEaReR', 'Bearer  '])
      t.equal((await ask('/any', { authorization: `${scheme} good` })).status, 200, scheme)
    for (const authorization of [
      '',
      'Bearer',
      'Bearer ',
      'good',
      'Token good',
      'Basic Z29vZA==',
      'Bearer:good',
      'DPoP good',
    ])
      t.match(await ask('/any', { authorization }), { status: 401, challenge: REALM }, authorization)
    for (const text of ['bad', 'good good', 'good,good', 'good;x', '"good"', 'g\u00f6\u00f6d', '%67ood'])
      t.match(await ask('/any', bearer(text)), { status: 401, challenge: /error="invalid_token"/ }, text)
    t.match(await ask('/any?access_token=good'), { status: 401, challenge: REALM, body: { detail: /logs/ } })
    for (const query of ['?access_token=good', '?a=1&access%5Ftoken=', '?access_token=x&access_token=y']) {
      t.match(await ask(`/any${query}`, bearer('good')), {
        status: 400,
        challenge: `${REALM}, error="invalid_request"`,
        body: { status: 400 },
      })
    }
  })

  for (const [how, wrap] of Object.entries({
    'at once': (a: unknown) => () => a,
    later: (a: unknown) => async () => a,
  })) {
    t.test(`an authenticate that gives no token ${how} lets nobody in`, async t => {
      for (const answer of [undefined, null, 'ada', { lacks: () => [], scopes: [] }]) {
        const told: unknown[] = []
        const onError = (error: unknown) => told.push(error)
        const { ask } = await start(t, serve, { authenticate: wrap(answer) as Authenticate, onError })
        for (const path of ['/any', '/read', '/either']) t.equal((await ask(path, bearer('good'))).status, 500, path)
        t.match(told, [{ code: 'guard_gave_no_token' }, {}, {}])
      }
    })
  }

  t.test('an authenticate that fails lets nobody in, and says nothing of the inside', async t => {
    const failing: Authenticate[] = [
      () => {
        throw new Error('the vault is open')
      },
      async () => {
        throw new Error('the vault is open')
      },
    ]
    for (const authenticate of failing) {
      const told: unknown[] = []
      const { ask } = await start(t, serve, { authenticate, onError: error => told.push(error) })
      const answer = await ask('/any', bearer('good'))
      t.match(answer, { status: 500, type: 'application/problem+json', body: { status: 500 } })
      t.notMatch(JSON.stringify(answer), 'vault')
      t.match(told, [{ message: 'the vault is open' }])
    }
  })

  t.test('while the issuer is away nobody comes in, and someone is told why', async t => {
    const issuer = await createTestIssuer()
    const token = await issuer.token({ scopes: ['orders:read'] })
    await issuer.close()
    const told: unknown[] = []
    const { ask } = await start(t, serve, { ...issuer.guard, onError: error => told.push(error) })
    t.match(await ask('/read', bearer(token)), { status: 503, type: 'application/problem+json', challenge: null })
    t.ok(told.length > 0)
    t.match(told.at(-1), { code: 'temporarily_unavailable' })
  })

  t.test('each check counts, and one request authenticates once', async t => {
    let asked = 0
    const counts: Authenticate = text => {
      asked++
      return accepts(text)
    }
    const { ask } = await start(t, serve, { authenticate: counts })
    t.equal((await ask('/twice', bearer('good'))).status, 403)
    t.equal(asked, 1)
    t.equal((await ask('/twice', bearer('good'))).status, 403)
    t.equal(asked, 2, 'another request is another')
  })

  t.test('of two Authorization headers no second one counts', async t => {
    const { port } = await start(t, serve, { authenticate: accepts })
    const lines = ['GET /any HTTP/1.1', 'Host: a', 'Authorization: Bearer bad', 'Authorization: Bearer good']
    t.equal((await sendRaw(port, `${lines.join('\r\n')}\r\nConnection: close\r\n\r\n`)).statusCode, 401)
  })

  t.test('a mistake shows at the start', async t => {
    await t.rejects(serve({ authenticate: accepts, resource: 'orders' }), /http or https URL/)
    const { checks } = await serve({ authenticate: accepts })
    const none: [] = []
    for (const check of [checks.checkScopes, checks.checkAnyScope] as ((...scopes: string[]) => unknown)[]) {
      t.throws(() => check(...none), { name: 'TypeError', message: /at least one scope.*requireToken\(\)/ })
    }
  })
}
