import { decodeJwt, exportJWK, type GenerateKeyPairResult, generateKeyPair, SignJWT } from 'jose'
import t, { type Test } from 'tap'
import type { Client } from '../../src/clients/client.entity.ts'
import { metadataClientId } from '../../src/clients/metadata-id.ts'
import { ISSUER, newUser, type TestApp, type TestOptions, testApp } from '../helpers/app.ts'
import { authorizeUrl, Browser, locationOf, pkce } from '../helpers/browser.ts'
import {
  asClient,
  type MetadataHost,
  openMetadataHost,
  openSilentHost,
  REDIRECT_URI,
} from '../helpers/metadata-client.ts'
import { form } from '../helpers/oauth.ts'

/** Clients whose `client_id` is the URL of a metadata document (draft-ietf-oauth-client-id-metadata-document). */

type Key = GenerateKeyPairResult['privateKey']

interface World extends TestApp {
  host: MetadataHost
  browser: Browser
}

async function open(t: Test, document = {}, options: TestOptions = {}): Promise<World> {
  const host = await openMetadataHost(t, document)
  const { app, services } = await testApp(t, { fetchLoopback: true, ...options })
  const browser = new Browser(app)
  await browser.signIn(await newUser(services))
  return { app, services, host, browser }
}

/** Lets time pass for what asks `Date.now`. */
function travel(t: Test): (seconds: number) => void {
  const { now } = Date
  let ahead = 0
  t.intercept(Date, 'now', { value: () => now() + ahead })
  return seconds => {
    ahead += seconds * 1000
  }
}

async function codeFor({ browser, host }: World, challenge: string, params = {}): Promise<string> {
  const to = await browser.approve(authorizeUrl(asClient(host), { challenge, ...params }))
  return to.searchParams.get('code') as string
}

async function tokensFor(world: World, credentials: Record<string, string> = {}) {
  const { verifier, challenge } = pkce()
  const code = await codeFor(world, challenge)
  return form(world.app, '/oauth/token', {
    grant_type: 'authorization_code',
    client_id: world.host.url,
    redirect_uri: REDIRECT_URI,
    code,
    code_verifier: verifier,
    ...credentials,
  })
}

const refresh = ({ app, host }: World, refresh_token: string) =>
  form(app, '/oauth/token', { grant_type: 'refresh_token', client_id: host.url, refresh_token })

const rowOf = async ({ services, host }: World) => {
  const [row] = await services.db.query<{ name: string; redirect_uris: string[] }>(
    'select * from oauth_clients where metadata_url = ?',
    [host.url],
  )
  return row
}

/** Every row of every table but those that a server writes by itself. */
async function countRows({ services }: Pick<World, 'services'>): Promise<Record<string, number>> {
  const tables = await services.db.query<{ name: string }>(
    `select table_name as name from information_schema.tables where table_schema = current_schema() and table_type = 'BASE TABLE'
     and table_name not in ('nodes', 'oauth_status_lists')`,
  )
  const counts: Record<string, number> = {}
  for (const { name } of tables) {
    const [row] = await services.db.query<{ count: number }>(`select count(*)::int as count from "${name}"`)
    counts[name] = row?.count as number
  }
  return counts
}

t.test('the metadata say whether such clients are accepted', async t => {
  for (const [cimd, supported] of [
    ['on', true],
    ['trusted', true],
    ['off', false],
  ] as const) {
    const { app } = await testApp(t, { cimd })
    const metadata = (await app.inject('/.well-known/oauth-authorization-server')).json()
    t.equal(metadata.client_id_metadata_document_supported, supported, cimd)
  }
})

for (const format of ['jwt', 'opaque'] as const) {
  t.test(`authorize, redeem, refresh, introspect, revoke by its URL: ${format}`, async t => {
    const world = await open(t)
    const { app, services, host } = world
    const first = await tokensFor(world)
    t.equal(first.statusCode, 200, first.body)
    if (format === 'opaque') await services.clients.update(metadataClientId(host.url), { tokenFormat: 'opaque' })
    const { access_token } = (await refresh(world, first.json().refresh_token)).json()
    if (format === 'jwt') t.match(decodeJwt(access_token), { client_id: host.url })
    const resourceServer = await services.clients.create({ name: 'API', audience: 'https://api.example.com' })
    const as = { client_id: resourceServer.client.id, client_secret: resourceServer.secret }
    const introspected = (await form(app, '/oauth/introspect', { token: access_token, ...as })).json()
    t.match(introspected, { active: true, client_id: host.url })
    const token = await services.authenticate(access_token)
    t.equal(token.clientId, host.url)
    const refused = await form(app, '/oauth/revoke', { token: access_token, client_id: metadataClientId(host.url) })
    t.equal(refused.statusCode, 401, 'the id of its row is no client_id')
    const revoked = await form(app, '/oauth/revoke', { token: access_token, client_id: host.url })
    t.equal(revoked.statusCode, 200)
    t.match((await form(app, '/oauth/introspect', { token: access_token, ...as })).json(), { active: false })
    t.equal(host.requests.length, 1, 'one fetch for everything')
  })
}

t.test('nothing is stored before a person consents', async t => {
  const { privateKey, publicKey } = await generateKeyPair('ES256')
  const keys = [await exportJWK(publicKey)]
  const confidential = { token_endpoint_auth_method: 'private_key_jwt', jwks: { keys } }
  for (const document of [{}, confidential]) {
    const world = await open(t, document)
    const { app, browser, host } = world
    const before = await countRows(world)
    const { challenge } = pkce()
    const stranger = new Browser(app)
    const toSignIn = await stranger.get(authorizeUrl(asClient(host), { challenge, state: 'x'.repeat(300) }))
    t.match(toSignIn.headers.location, /^\/login\?next=/)
    t.equal((await stranger.get(String(toSignIn.headers.location))).statusCode, 200)
    const page = await browser.get(authorizeUrl(asClient(host), { challenge }))
    t.equal(page.statusCode, 200)
    const denied = await browser.submit(page, { decision: 'deny' }, /consent$/)
    t.equal(locationOf(denied).searchParams.get('error'), 'access_denied')
    const credentials = document === confidential ? { ...(await assertionOf(privateKey, host.url)) } : {}
    const pushed = await form(app, '/oauth/par', {
      client_id: host.url,
      redirect_uri: REDIRECT_URI,
      response_type: 'code',
      code_challenge: challenge,
      code_challenge_method: 'S256',
      ...credentials,
    })
    t.equal(pushed.statusCode, 201, pushed.body)
    t.strictSame(await countRows(world), before)
  }
})

async function assertionOf(key: Key, clientId: string, kid?: string) {
  const client_assertion = await new SignJWT({ jti: crypto.randomUUID() })
    .setProtectedHeader({ alg: 'ES256', ...(kid && { kid }) })
    .setIssuer(clientId)
    .setSubject(clientId)
    .setAudience(ISSUER)
    .setExpirationTime('1m')
    .sign(key)
  return { client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer', client_assertion }
}

t.test('whoever signs in continues with the request, which is its own request_uri', async t => {
  const { app, services, host } = await open(t)
  const user = await newUser(services)
  const browser = new Browser(app)
  const toSignIn = await browser.get(authorizeUrl(asClient(host), { state: 'kept' }))
  const signIn = await browser.get(String(toSignIn.headers.location))
  t.match(signIn.body, new URL(host.url).host, 'the page names the host, not what the app calls itself')
  t.notMatch(signIn.body, 'Order viewer')
  const signedIn = await browser.submit(signIn, { email: user.email, password: 'correct horse battery' }, /login$/)
  const to = await browser.approve(String(signedIn.headers.location))
  t.equal(to.searchParams.get('state'), 'kept')
  t.ok(to.searchParams.get('code'))
})

t.test('a sealed request is good for its client only, unchanged, and if pushed, once', async t => {
  const world = await open(t)
  const { app, browser, host } = world
  const { challenge } = pkce()
  const params = { redirect_uri: REDIRECT_URI, response_type: 'code', code_challenge: challenge }
  const push = async () => {
    const pushed = await form(app, '/oauth/par', { client_id: host.url, code_challenge_method: 'S256', ...params })
    return pushed.json().request_uri as string
  }
  const request_uri = await push()
  const at = (client_id: string, uri: string) =>
    `/oauth/authorize?${new URLSearchParams({ client_id, request_uri: uri })}`
  t.equal((await browser.get(at(`${host.origin}/other.json`, request_uri))).statusCode, 400)
  t.equal((await browser.get(at(host.url, `${request_uri.slice(0, -2)}AA`))).statusCode, 400)
  const [one, two] = await Promise.all([browser.get(at(host.url, request_uri)), browser.get(at(host.url, request_uri))])
  t.ok(locationOf(await browser.submit(one, { decision: 'approve' }, /consent$/)).searchParams.get('code'))
  t.equal((await browser.submit(two, { decision: 'approve' }, /consent$/)).statusCode, 400, 'used')
  t.equal((await browser.get(at(host.url, await push()))).statusCode, 200, 'with a row, it is stored')
})

t.test('private_key_jwt with keys in the document, and at a jwks_uri whose key changes', async t => {
  const old = await generateKeyPair('ES256')
  const next = await generateKeyPair('ES256')
  const jwk = async (kid: string, key: Key) => ({ ...(await exportJWK(key)), kid })
  const world = await open(t, { token_endpoint_auth_method: 'private_key_jwt' })
  const { host, app } = world
  host.document.jwks_uri = `${host.origin}/keys`
  host.others['/keys'] = { keys: [await jwk('old', old.publicKey)] }
  const pass = travel(t)
  const first = await tokensFor(world, await assertionOf(old.privateKey, host.url, 'old'))
  t.equal(first.statusCode, 200, first.body)
  const without = await refresh(world, first.json().refresh_token)
  t.match([without.statusCode, without.json()], [401, { error: 'invalid_client' }])
  host.others['/keys'] = { keys: [await jwk('next', next.publicKey)] }
  host.headers['cache-control'] = 'max-age=3600'
  pass(61)
  const assertion = await assertionOf(next.privateKey, host.url, 'next')
  const more = { grant_type: 'refresh_token', refresh_token: first.json().refresh_token, ...assertion }
  t.equal((await form(app, '/oauth/token', { client_id: host.url, ...more })).statusCode, 200)
  const again = await form(app, '/oauth/token', { client_id: host.url, ...more })
  t.match(again.json(), { error: 'invalid_client' }, 'an assertion is good once')
  t.equal(
    (
      await form(app, '/oauth/token', {
        client_id: host.url,
        ...more,
        ...(await assertionOf(old.privateKey, host.url, 'old')),
      })
    ).statusCode,
    401,
  )
})

const BAD_DOCUMENTS = {
  'another client_id': { client_id: 'https://app.example.com/client.json' },
  'the same URL in another spelling': { client_id: 'HTTP://localhost/client.json' },
  'no redirect URI': { redirect_uris: [] },
  'a redirect URI that runs a script': { redirect_uris: ['javascript:alert(1)'] },
  'a redirect URI without https': { redirect_uris: ['http://app.example.com/cb'] },
  'a secret': { client_secret: 'x' },
  'authentication by a secret': { token_endpoint_auth_method: 'client_secret_basic' },
  'no keys for private_key_jwt': { token_endpoint_auth_method: 'private_key_jwt' },
  'keys at two places': {
    token_endpoint_auth_method: 'private_key_jwt',
    jwks: { keys: [] },
    jwks_uri: 'https://app.example.com/keys',
  },
  'a private key': {
    token_endpoint_auth_method: 'private_key_jwt',
    jwks: { keys: [{ kty: 'EC', crv: 'P-256', d: 'x' }] },
  },
  'keys at a URL that is none': { token_endpoint_auth_method: 'private_key_jwt', jwks_uri: 'keys.json' },
  'an invisible name': { client_name: '\u200b' },
  'a name that runs backwards': { client_name: 'evil\u202e' },
  'no grant that a user can make': { grant_types: ['client_credentials'] },
  'a list that is none': { redirect_uris: REDIRECT_URI },
  'more than 5 kB': { client_uri: `https://app.example.com/${'x'.repeat(5_200)}` },
}

t.test('a document is refused', async t => {
  const { app, host } = await open(t)
  let number = 0
  for (const [what, change] of Object.entries(BAD_DOCUMENTS)) {
    const path = `/${++number}.json`
    const id = host.origin + path
    host.others[path] = { client_id: id, ...host.document, ...change }
    const remoteAddress = `192.0.2.${number}`
    const page = await app.inject({ url: authorizeUrl({ id, redirectUris: [REDIRECT_URI] }), remoteAddress })
    t.equal(page.statusCode, 400, what)
    t.match(page.body, /metadata document of the client cannot be used/, what)
    t.notOk(page.headers.location, what)
    const refused = await form(app, '/oauth/token', { grant_type: 'refresh_token', client_id: id, refresh_token: 'x' })
    t.match([refused.statusCode, refused.json().error], [401, 'invalid_client'], what)
  }
})

t.test('grants that need an operator are not in reach of a document', async t => {
  const world = await open(t, {
    grant_types: ['authorization_code', 'client_credentials', 'urn:ietf:params:oauth:grant-type:token-exchange'],
    scope: 'admin:users',
  })
  const { app, host } = world
  for (const grant_type of ['client_credentials', 'urn:ietf:params:oauth:grant-type:token-exchange']) {
    const refused = await form(app, '/oauth/token', { grant_type, client_id: host.url })
    t.match([refused.statusCode, refused.json().error], [400, 'unauthorized_client'], grant_type)
  }
  const page = await world.browser.get(authorizeUrl(asClient(host), { scope: 'admin:users' }))
  t.match([page.statusCode, page.body], [400, /admin:users/])
})

const BAD_IDS = ['/', '/a/../client.json', '/client.json#x', '/@client.json', '/%2e%2e/client.json']

t.test('a URL that is not in normal form, or has no path, is no client_id', async t => {
  const { browser, host } = await open(t)
  const ids = [
    ...BAD_IDS.map(path => host.origin + path),
    host.url.replace('localhost', '2130706433'),
    host.url.replace('http', 'HTTP'),
  ]
  for (const id of ids) {
    const page = await browser.get(authorizeUrl({ id, redirectUris: [REDIRECT_URI] }))
    t.equal(page.statusCode, 400, id)
  }
  t.strictSame(host.requests, [], 'nothing is fetched')
})

t.test('only hosts of the list, or none', async t => {
  const trusted = await open(t, {}, { cimd: 'trusted', cimdTrusted: ['app.example.com'] })
  const off = await open(t, {}, { cimd: 'off' })
  const ours = await open(t, {}, { cimd: 'trusted', cimdTrusted: ['localhost'] })
  t.equal((await trusted.browser.get(authorizeUrl(asClient(trusted.host)))).statusCode, 400)
  t.equal((await off.browser.get(authorizeUrl(asClient(off.host)))).statusCode, 400)
  t.equal((await ours.browser.get(authorizeUrl(asClient(ours.host)))).statusCode, 200)
  t.strictSame([...trusted.host.requests, ...off.host.requests], [])
})

t.test('an IPv6 address is a host, trusted and blocked in brackets', async t => {
  const { browser, services } = await open(t, {}, { cimd: 'trusted', cimdTrusted: ['[::1]'] })
  const answer = async (host: string) =>
    (await browser.get(authorizeUrl({ id: `http://${host}:1/client.json`, redirectUris: [REDIRECT_URI] }))).body
  t.match(await answer('[::1]'), /metadata document of the client cannot be used/, 'trusted, so it is fetched')
  t.match(await answer('[::ffff:7f00:1]'), /No app is registered/, 'not trusted')
  await services.blockedHosts.block('[0:0::1]')
  t.match(await answer('[::1]'), /No app is registered/, 'blocked')
})

t.test('an error redirects to such a client only for a user who has consented to it', async t => {
  const world = await open(t)
  const { app, browser, host } = world
  const stranger = new Browser(app)
  for (const params of [{ prompt: 'none' }, { scope: 'admin:users' }, { code_challenge_method: 'plain' }]) {
    const url = authorizeUrl(asClient(host), params)
    for (const who of [stranger, browser]) {
      const page = await who.get(url)
      t.match([page.statusCode, page.headers.location], [400, undefined], JSON.stringify(params))
      t.match(page.headers['content-type'], /html/)
    }
  }
  await codeFor(world, pkce().challenge)
  const none = authorizeUrl(asClient(host), { prompt: 'none' })
  t.equal(locationOf(await browser.get(none)).searchParams.get('error'), 'consent_required')
  t.equal((await stranger.get(none)).headers.location, undefined)
})

t.test('without a setting, nothing of this host is fetched', async t => {
  const { browser, host } = await open(t, {}, { fetchLoopback: false })
  const secure = host.url.replace('http:', 'https:')
  for (const id of [host.url, secure])
    t.equal((await browser.get(authorizeUrl({ id, redirectUris: [REDIRECT_URI] }))).statusCode, 400, id)
  t.strictSame(host.requests, [])
})

t.test('an address names ten new documents a minute, whatever becomes of them', async t => {
  const { app, host, browser } = await open(t)
  const at = (n: number) => authorizeUrl({ id: `${host.origin}/${n}.json`, redirectUris: [REDIRECT_URI] })
  for (let n = 0; n < 10; n++) t.not((await browser.get(at(n))).statusCode, 429)
  t.equal((await browser.get(at(10))).statusCode, 429)
  t.not((await browser.get(at(9))).statusCode, 429, 'a known one is not counted')
  const elsewhere = await app.inject({ url: at(11), remoteAddress: '192.0.2.77' })
  t.equal(elsewhere.statusCode, 303)
  const refused = await form(app, '/oauth/device_authorization', { client_id: `${host.origin}/12.json` })
  t.equal(refused.statusCode, 429)
})

t.test('a document that cannot be had: refreshing goes on for a day, nothing new is authorized', async t => {
  const world = await open(t)
  const { app, browser, host } = world
  const { refresh_token } = (await tokensFor(world)).json()
  const pass = travel(t)
  host.status = 500
  pass(61)
  const page = await browser.get(authorizeUrl(asClient(host)))
  t.equal(page.statusCode, 400)
  t.equal((await form(app, '/oauth/device_authorization', { client_id: host.url })).statusCode, 401)
  const second = (await refresh(world, refresh_token)).json()
  t.ok(second.refresh_token, 'refreshed')
  pass(23 * 3_600)
  const third = (await refresh(world, second.refresh_token)).json()
  t.ok(third.refresh_token, 'refreshed a day later')
  pass(2 * 3_600)
  const refused = await refresh(world, third.refresh_token)
  t.match([refused.statusCode, refused.json().error], [401, 'invalid_client'])
  host.status = undefined
  pass(61)
  t.equal((await refresh(world, third.refresh_token)).statusCode, 200, 'and again once it can be had')
  t.equal((await browser.get(authorizeUrl(asClient(host)))).statusCode, 200)
})

t.test('fetching again what nobody has consented to counts as well', async t => {
  const { app, host } = await open(t)
  const pass = travel(t)
  const at = (n: number) => authorizeUrl({ id: `${host.origin}/${n}.json`, redirectUris: [REDIRECT_URI] })
  const status = async (n: number, remoteAddress: string) =>
    (await app.inject({ url: at(n), remoteAddress })).statusCode
  for (let n = 0; n < 11; n++) t.equal(await status(n, `192.0.2.${n}`), 303)
  pass(61)
  for (let n = 0; n < 10; n++) t.equal(await status(n, '192.0.2.77'), 303)
  t.equal(await status(10, '192.0.2.77'), 429)
  t.equal(await status(9, '192.0.2.77'), 303, 'fresh again')
})

t.test('the keys of clients that nobody consented to count as well', async t => {
  const { app, host } = await open(t, { token_endpoint_auth_method: 'private_key_jwt' })
  const { privateKey } = await generateKeyPair('ES256')
  const statuses = []
  for (let n = 0; n < 8; n++) {
    const url = `${host.origin}/${n}.json`
    host.others[`/${n}.json`] = { ...host.document, client_id: url, jwks_uri: `${host.origin}/keys/${n}` }
    const assertion = await assertionOf(privateKey, url, 'k')
    statuses.push((await form(app, '/oauth/par', { client_id: url, ...assertion })).statusCode)
  }
  t.strictSame(statuses, [401, 401, 401, 401, 401, 429, 429, 429])
  t.equal(host.requests.length, 10)
})

t.test('a server that is busy fetching starts no grace', async t => {
  const world = await open(t)
  const { app, services } = world
  const silent = await openSilentHost(t)
  const { refresh_token } = (await tokensFor(world)).json()
  const pass = travel(t)
  pass(61)
  const slow = [0, 1, 2, 3].map(n => app.inject(authorizeUrl({ id: silent.url(n), redirectUris: [REDIRECT_URI] })))
  await silent.waiting(4)
  const busy = await refresh(world, refresh_token)
  t.match([busy.statusCode, busy.json().error], [503, 'temporarily_unavailable'])
  const failed = await services.db.query('select 1 from oauth_clients where metadata_failed_at is not null')
  t.strictSame(failed, [])
  silent.close()
  await Promise.all(slow)
  t.equal((await refresh(world, refresh_token)).statusCode, 200, 'and later it goes on')
})

t.test('the user is asked each time, also for a client with keys: the answer says for how long', async t => {
  const { publicKey } = await generateKeyPair('ES256')
  const world = await open(t, {
    token_endpoint_auth_method: 'private_key_jwt',
    jwks: { keys: [await exportJWK(publicKey)] },
  })
  const { browser, host, services } = world
  const page = await browser.get(authorizeUrl(asClient(host)))
  const sent = await browser.submit(page, { decision: 'approve', access_seconds: '3600' }, /consent$/)
  t.ok(locationOf(sent).searchParams.get('code'))
  t.equal((await browser.get(authorizeUrl(asClient(host)))).statusCode, 200, 'asked again')
  t.strictSame(await services.db.query('select id from oauth_remembered_consents'), [])
})

t.test('a document that changes is stored with the next consent', async t => {
  const world = await open(t)
  const { host } = world
  const pass = travel(t)
  await codeFor(world, pkce().challenge)
  const change = { redirect_uris: [REDIRECT_URI, 'https://app.example.com/other'] }
  Object.assign(host.document, { client_name: 'Order editor', ...change })
  pass(61)
  t.match(await rowOf(world), { name: 'Order viewer' })
  await codeFor(world, pkce().challenge)
  t.match(await rowOf(world), { name: 'Order editor', ...change })
})

t.test('a document that changes while a person reads the page is shown again', async t => {
  const world = await open(t)
  const { browser, host } = world
  const pass = travel(t)
  const page = await browser.get(authorizeUrl(asClient(host)))
  host.document.client_name = 'Another app'
  pass(61)
  const again = await browser.submit(page, { decision: 'approve' }, /consent$/)
  t.equal(again.statusCode, 400)
  t.match(again.body, /has changed its name/)
  t.match(again.body, 'Another app')
  t.equal(await rowOf(world), undefined)
})

t.test('a device of such a client', async t => {
  const world = await open(t)
  const { app, browser, host } = world
  const started = (await form(app, '/oauth/device_authorization', { client_id: host.url })).json()
  t.equal(await rowOf(world), undefined)
  const poll = () =>
    form(app, '/oauth/token', {
      grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
      device_code: started.device_code,
      client_id: host.url,
    })
  t.match((await poll()).json(), { error: 'authorization_pending' })
  const page = await browser.get(`/device?user_code=${started.user_code}`)
  t.match(page.body, new URL(host.url).host)
  t.equal((await browser.submit(page, { decision: 'approve', access_seconds: '3600' }, /device$/)).statusCode, 200)
  t.match((await poll()).json(), { access_token: String })
  t.ok(await rowOf(world))
})

t.test('the person says for how long', async t => {
  const world = await open(t, {}, { accessTokenLifetime: 7_200 })
  const { app, browser, host, services } = world
  const { verifier, challenge } = pkce()
  const page = await browser.get(authorizeUrl(asClient(host), { challenge }))
  for (const access_seconds of [undefined, '', '1', '86400000', 'x'])
    t.equal((await browser.submit(page, { decision: 'approve', access_seconds }, /consent$/)).statusCode, 400)
  const sent = locationOf(await browser.submit(page, { decision: 'approve', access_seconds: '3600' }, /consent$/))
  const tokens = await form(app, '/oauth/token', {
    grant_type: 'authorization_code',
    client_id: host.url,
    redirect_uri: REDIRECT_URI,
    code: sent.searchParams.get('code') as string,
    code_verifier: verifier,
  })
  const { expires_in, refresh_token } = tokens.json()
  t.ok(expires_in <= 3_600 && expires_in > 3_500, `an access token for ${expires_in} seconds`)
  const [family] = await services.db.query<{ seconds: number }>(
    'select extract(epoch from expires_at - now())::int as seconds from oauth_refresh_tokens',
  )
  t.ok(Number(family?.seconds) <= 3_600)
  t.ok((await refresh(world, refresh_token)).json().expires_in <= 3_600, 'no refresh goes beyond it')
})

t.test('a row that something else made under its id is not its row', async t => {
  const world = await open(t)
  const { browser, host, services } = world
  const { client } = await services.clients.create({ name: 'Other', redirectUris: [REDIRECT_URI] })
  await services.db.query('update oauth_clients set id = ? where id = ?', [metadataClientId(host.url), client.id])
  const page = await browser.get(authorizeUrl(asClient(host)))
  t.equal(page.statusCode, 400)
  t.match(page.body, /No app is registered/)
})

t.test('two first consents at once make one row', async t => {
  const { app, services, host } = await open(t)
  const browsers = [new Browser(app), new Browser(app)]
  for (const browser of browsers) await browser.signIn(await newUser(services))
  const codes = await Promise.all(browsers.map(browser => browser.approve(authorizeUrl(asClient(host)))))
  for (const to of codes) t.ok(to.searchParams.get('code'))
  const clients = await services.clients.list()
  t.equal(clients.filter((client: Client) => client.metadataUrl === host.url).length, 1)
})

t.test('3,000 different URLs, more than are cached, write no row', async t => {
  const world = await open(t)
  const { app, host } = world
  const before = await countRows(world)
  for (let n = 0; n < 3_000; n++) {
    const id = `${n % 2 ? host.origin : 'https://10.0.0.1'}/${n}.json`
    await app.inject({ url: authorizeUrl({ id, redirectUris: [REDIRECT_URI] }), remoteAddress: `192.0.2.${n & 255}` })
  }
  t.strictSame(await countRows(world), before)
})
