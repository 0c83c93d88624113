import type { LightMyRequestResponse } from 'fastify'
import t, { type Test } from 'tap'
import { DEVICE_CODE } from '../../src/grants/device-grant.ts'
import { testApp } from '../helpers/app.ts'
import { pkce } from '../helpers/browser.ts'
import { basic, form } from '../helpers/oauth.ts'
import { type Operation, operationsOf } from '../helpers/operations.ts'

/** What every endpoint that takes a form and a client answers alike. The document says which there are. */

const { app, services } = await testApp(t)
const CALLBACK = 'https://app.example/cb'
const settings = {
  name: 'App',
  redirectUris: [CALLBACK],
  grantTypes: ['authorization_code', 'refresh_token', 'client_credentials', DEVICE_CODE],
}
const { client, secret = '' } = await services.clients.create(settings)
const gone = await services.clients.create(settings)
await services.clients.revoke(gone.client.id)

const NOBODY = '01939f4e-8a4c-7b60-b5a4-6f6d5c3f2a12'
const CREDENTIALS = ['client_id', 'client_secret', 'client_assertion', 'client_assertion_type']
const ASSERTION = {
  client_assertion: 'a.b.c',
  client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
}
const endpoints = (await operationsOf(app)).filter(({ isForm }) => isForm)

type Params = Record<string, string | string[] | undefined>

/** A request that each endpoint grants. */
const GRANTED: Record<string, Params> = {
  '/oauth/token': { grant_type: 'client_credentials' },
  '/oauth/revoke': { token: 'x' },
  '/oauth/introspect': { token: 'x' },
  '/oauth/device_authorization': { scope: 'orders:read' },
  '/oauth/par': {
    response_type: 'code',
    redirect_uri: CALLBACK,
    code_challenge: pkce().challenge,
    code_challenge_method: 'S256',
  },
}
const granted = ({ path }: Operation) => GRANTED[path] as Params

/** What every answer of these endpoints has (RFC 6749 §5.1, §5.2). */
function isPrivate(t: Test, answer: LightMyRequestResponse, name: string): void {
  t.match(answer.headers, { 'cache-control': 'no-store', pragma: 'no-cache' }, name)
  t.match(answer.headers['content-type'], /^application\/json/, name)
}

function isRefused(t: Test, answer: LightMyRequestResponse, status: number, error: string, name: string): void {
  isPrivate(t, answer, name)
  t.equal(answer.statusCode, status, name)
  t.match(answer.json(), { error, error_description: /^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/ }, name)
}

t.test('every endpoint of the document is tested here, and accepts a valid request', async t => {
  t.strictSame(endpoints.map(({ path }) => path).sort(), Object.keys(GRANTED).sort())
  for (const endpoint of endpoints) {
    const answer = await form(app, endpoint.url, granted(endpoint), basic(client.id, secret))
    t.equal(answer.statusCode, endpoint.path === '/oauth/par' ? 201 : 200, answer.body)
    isPrivate(t, answer, endpoint.name)
  }
})

t.test('a repeated parameter, known or unknown, with any values', async t => {
  for (const endpoint of endpoints) {
    const names = [...endpoint.fields, ...Object.keys(granted(endpoint)), ...CREDENTIALS, 'state', 'x', '__proto__']
    for (const name of names.filter(name => name !== 'resource' && name !== 'audience')) {
      const twice = { ...granted(endpoint), [name]: ['a', 'a'] }
      const answer = await form(app, endpoint.url, twice, basic(client.id, secret))
      isRefused(t, answer, 400, 'invalid_request', `${endpoint.path} ${name}`)
    }
  }
})

t.test('an empty value counts as absent', async t => {
  const headers = basic(client.id, secret)
  for (const endpoint of endpoints) {
    const optional = Object.fromEntries([...endpoint.fields, ...CREDENTIALS].map(name => [name, '']))
    const answer = await form(app, endpoint.url, { ...optional, ...granted(endpoint) }, headers)
    t.ok(answer.statusCode < 300, `${endpoint.path} ${answer.body}`)
    const beside = await form(app, endpoint.url, { ...granted(endpoint), state: ['', 's', ''] }, headers)
    t.ok(beside.statusCode < 300, `${endpoint.path}: beside one with a value`)
    const required = Object.keys(granted(endpoint)).filter(name => name !== 'scope')
    for (const name of required) {
      const without = await form(app, endpoint.url, { ...granted(endpoint), [name]: '' }, headers)
      isRefused(t, without, 400, 'invalid_request', `${endpoint.path} without ${name}`)
    }
  }
})

const bytes = (...parts: (string | number)[]) =>
  Buffer.concat(parts.map(part => (typeof part === 'number' ? Buffer.from([part]) : Buffer.from(part)))).toString(
    'base64',
  )

/** The right credentials, so encoded that the base64 has padding. */
const padded = [secret, `%${secret.charCodeAt(0).toString(16)}${secret.slice(1)}`]
  .map(encoded => `Basic ${bytes(client.id, ':', encoded)}`)
  .find(text => text.endsWith('='))

/** Authorization headers that name no client. */
const MALFORMED: Record<string, string> = {
  'a wrong secret': `Basic ${bytes(client.id, ':wrong')}`,
  'an empty secret': `Basic ${bytes(client.id, ':')}`,
  'an unknown client': `Basic ${bytes(NOBODY, ':', secret)}`,
  'a revoked client': basic(gone.client.id, gone.secret).authorization,
  'no colon': `Basic ${bytes(client.id)}`,
  'no id': `Basic ${bytes(':', secret)}`,
  'no base64': 'Basic %%%',
  nothing: 'Basic',
  'a NUL': `Basic ${bytes(client.id, '\0:', secret)}`,
  'an encoded NUL': `Basic ${bytes(client.id, '%00:', secret)}`,
  'a NUL in the secret': `Basic ${bytes(client.id, ':', secret, '\0')}`,
  'bad UTF-8': `Basic ${bytes(0xff, 0xfe, ':', secret)}`,
  'bad UTF-8 in the secret': `Basic ${bytes(client.id, ':', secret, 0xc3)}`,
  'bad UTF-8, encoded': `Basic ${bytes(client.id, '%ff:', secret)}`,
  'an escape that is none': `Basic ${bytes(client.id, ':%zz')}`,
  'an id of 9 kB': `Basic ${bytes('x'.repeat(9_000), ':', secret)}`,
  'a secret of 9 kB': `Basic ${bytes(client.id, ':', 'x'.repeat(9_000))}`,
  'a line break': `Basic ${bytes(client.id, '\n:', secret)}`,
  SQL: `Basic ${bytes("' or 1=1 --:", secret)}`,
  'a second header that was joined to it': `${padded}, Bearer x`,
  'more after the padding': `${padded}AAAA`,
  'another scheme': `Digest ${bytes(client.id, ':', secret)}`,
  'a token': `Bearer ${secret}`,
}

/** The same by the body, and what proves nothing. */
const BODIES: Record<string, Params> = {
  'a wrong secret': { client_id: client.id, client_secret: 'wrong' },
  'an unknown client': { client_id: NOBODY, client_secret: secret },
  'an id that is none': { client_id: '../../x', client_secret: secret },
  'a revoked client': { client_id: gone.client.id, client_secret: gone.secret },
  'no secret': { client_id: client.id },
  'no id': { client_secret: secret },
  'an assertion that is none': { ...ASSERTION },
}

t.test('failed client authentication', async t => {
  for (const endpoint of endpoints) {
    const answers = new Map<string, string>()
    for (const [what, authorization] of Object.entries(MALFORMED)) {
      const name = `${endpoint.path} ${what}`
      const answer = await form(app, endpoint.url, granted(endpoint), { authorization })
      isRefused(t, answer, 401, 'invalid_client', name)
      t.match(answer.headers['www-authenticate'], /^Basic realm="postern"/, name)
      answers.set(what, answer.body)
    }
    for (const what of ['an unknown client', 'a revoked client', 'an id of 9 kB', 'SQL'])
      t.equal(answers.get(what), answers.get('a wrong secret'), `${endpoint.path} ${what} looks like a wrong secret`)
    for (const [what, params] of Object.entries(BODIES)) {
      const answer = await form(app, endpoint.url, { ...granted(endpoint), ...params })
      isRefused(t, answer, 401, 'invalid_client', `${endpoint.path} ${what}, in the body`)
    }
  }
})

t.test('parameters in the query are ignored', async t => {
  for (const endpoint of endpoints) {
    const all = new URLSearchParams({ client_id: client.id, client_secret: secret, ...(granted(endpoint) as object) })
    const answer = await form(app, `${endpoint.url}?${all}`, granted(endpoint))
    isRefused(t, answer, 401, 'invalid_client', endpoint.path)
  }
})

t.test('two authentication methods at the same time', async t => {
  const header = basic(client.id, secret)
  const ways: [string, Params, object][] = [
    ['header and body', { client_id: client.id, client_secret: secret }, header],
    ['header and secret', { client_secret: secret }, header],
    ['header and assertion', ASSERTION, header],
    ['header and type of an assertion', { client_assertion_type: ASSERTION.client_assertion_type }, header],
    ['body and assertion', { client_id: client.id, client_secret: secret, ...ASSERTION }, {}],
    ['another client', { client_id: NOBODY }, header],
  ]
  for (const endpoint of endpoints) {
    for (const [what, params, by] of ways) {
      const answer = await form(app, endpoint.url, { ...granted(endpoint), ...params }, by as Record<string, string>)
      isRefused(t, answer, 400, 'invalid_request', `${endpoint.path} ${what}`)
    }
  }
})

t.test('invalid text in any parameter', async t => {
  const send = (endpoint: Operation, payload: string | Buffer) =>
    app.inject({
      method: 'POST',
      url: endpoint.url,
      headers: { ...basic(client.id, secret), 'content-type': 'application/x-www-form-urlencoded' },
      payload,
    })
  for (const endpoint of endpoints) {
    for (const name of [...endpoint.fields, ...CREDENTIALS, 'x']) {
      for (const text of [
        `${name}=%00`,
        `${name}=a%00b`,
        `${name}=%ff`,
        `${name}=%c3%28`,
        `${name}=%ed%a0%80`,
        `${name}%00=a`,
      ]) {
        isRefused(t, await send(endpoint, text), 400, 'invalid_request', `${endpoint.path} ${text}`)
      }
    }
    const raw = Buffer.concat([Buffer.from('x='), Buffer.from([0xff, 0x00])])
    isRefused(t, await send(endpoint, raw), 400, 'invalid_request', endpoint.path)
    isRefused(t, await send(endpoint, `x=${'x'.repeat(1_000_000)}`), 413, 'invalid_request', endpoint.path)
    const valid = await send(endpoint, `${new URLSearchParams(granted(endpoint) as never)}&x=%EF%BF%BD%F0%9F%94%91`)
    t.ok(valid.statusCode < 300, `${endpoint.path}: U+FFFD is a character`)
  }
})

t.test('other methods', async t => {
  for (const endpoint of endpoints) {
    for (const method of ['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE'] as const) {
      const url = `${endpoint.url}?${new URLSearchParams(granted(endpoint) as never)}`
      const answer = await app.inject({ method: method as 'GET', url, headers: basic(client.id, secret) })
      const name = `${method} ${endpoint.path}`
      t.match([answer.statusCode, answer.headers.allow], [405, 'POST'], name)
      isPrivate(t, answer, name)
      if (method !== 'HEAD') t.match(answer.json(), { error: 'invalid_request' }, name)
    }
  }
})

t.test('endpoints of resource servers require the same authentication', async t => {
  for (const [method, url] of [
    ['GET', '/oauth/events'],
    ['POST', '/oauth/usage'],
    ['POST', '/oauth/lost-revocations'],
  ] as const) {
    const ask = (headers: object) =>
      app.inject({ method, url, headers: { ...headers }, ...(method === 'POST' && { payload: { uses: [] } }) })
    for (const [what, authorization] of Object.entries(MALFORMED)) {
      const answer = await ask({ authorization })
      t.equal(answer.statusCode, 401, `${url} ${what}`)
      t.match(answer.headers, { 'cache-control': 'no-store', 'www-authenticate': /^Basic / }, `${url} ${what}`)
    }
  }
})
