import type { LightMyRequestResponse } from 'fastify'
import { exportJWK, generateKeyPair } from 'jose'
import * as oauth from 'oauth4webapi'
import t from 'tap'
import { ISSUER, testApp } from '../helpers/app.ts'
import { basic, form } from '../helpers/oauth.ts'
import { bearer } from '../helpers/requester.ts'

const INITIAL = 'an initial access token of 32 characters or more'
const CALLBACK = 'https://viewer.example.com/callback'
const viewer = { client_name: 'Nightly report', grant_types: ['authorization_code'], redirect_uris: [CALLBACK] }

const publicJwk = async (alg = 'ES256') => exportJWK((await generateKeyPair(alg, { extractable: true })).publicKey)

t.test('clients that register themselves', async t => {
  const { app, services } = await testApp(t, { initialAccessToken: INITIAL, dcr: 'token' })
  const register = (payload: unknown, headers: Record<string, string> = bearer(INITIAL)) =>
    app.inject({ method: 'POST', url: '/oauth/register', headers, payload: payload as object })
  const manage = (method: 'GET' | 'PUT' | 'DELETE', uri: string, token: string, payload?: object) =>
    app.inject({ method, url: uri.slice(ISSUER.length), headers: bearer(token), ...(payload && { payload }) })
  const refusal = (answer: LightMyRequestResponse) => [answer.statusCode, answer.json().error]
  const token = (id: string, secret?: string) =>
    form(app, '/oauth/token', { grant_type: 'client_credentials' }, basic(id, secret))
  /** 200 for a client that proves who it is. */
  const proves = async (id: string, secret?: string) =>
    (await form(app, '/oauth/introspect', { token: 'x' }, basic(id, secret))).statusCode

  t.test('an app with users', async t => {
    const answer = await register({
      client_name: 'Order viewer',
      redirect_uris: [CALLBACK],
      scope: 'orders:read',
      client_uri: 'https://viewer.example.com',
      contacts: ['ops@example.com'],
      'client_name#de': 'is not known here',
      audience: 'https://api.example.com',
      user_id: 'someone',
    })
    t.equal(answer.statusCode, 201, answer.body)
    t.equal(answer.headers['cache-control'], 'no-store')
    const { client_id, client_secret, client_id_issued_at, registration_access_token, ...rest } = answer.json()
    t.ok(Math.abs(client_id_issued_at - Date.now() / 1000) < 60)
    t.ok(client_secret.length >= 43 && registration_access_token.length >= 43)
    t.strictSame(rest, {
      client_secret_expires_at: 0,
      registration_client_uri: `${ISSUER}/oauth/register/${client_id}`,
      client_name: 'Order viewer',
      redirect_uris: [CALLBACK],
      grant_types: ['authorization_code'],
      response_types: ['code'],
      token_endpoint_auth_method: 'client_secret_basic',
      scope: 'orders:read',
      client_uri: 'https://viewer.example.com',
      contacts: ['ops@example.com'],
    })
    const client = await services.clients.find(client_id)
    t.match(client, { audience: null, user: null }, 'nothing that is not for a client to say')
    const stored = JSON.stringify(await services.db.query('select * from oauth_clients'))
    for (const secret of [client_secret, registration_access_token]) t.notMatch(stored, secret)
    const [event] = await services.auditLog.list({ clientId: client_id }, { limit: 10 })
    t.match(event, { kind: 'client.created', address: '127.0.0.1' })
    t.notMatch(JSON.stringify(event), client_secret)
  })

  t.test('it authenticates with its credentials, and cannot use client_credentials', async t => {
    const { client_id, client_secret } = (await register(viewer)).json()
    t.equal(await proves(client_id, client_secret), 200)
    t.equal(await proves(client_id, 'wrong'), 401)
    const grants = ['authorization_code', 'client_credentials']
    for (const grant_types of [grants.slice(1), grants]) {
      t.strictSame(refusal(await register({ ...viewer, grant_types })), [400, 'invalid_client_metadata'])
    }
    // As one that registered when that could be had.
    const sql = 'update oauth_clients set grant_types = \'["client_credentials"]\' where id = ? returning id'
    await services.db.query(sql, [client_id])
    await services.bus.transaction(async (_em, publish) => publish({ kind: 'client', id: client_id }, 'nothing'))
    t.strictSame(refusal(await token(client_id, client_secret)), [400, 'unauthorized_client'])
  })

  t.test('by a client that nobody here wrote', async t => {
    const as = { issuer: ISSUER, registration_endpoint: `${ISSUER}/oauth/register` }
    const fetched = async (
      url: string,
      { method, headers, body }: { method: string; headers: never; body: string },
    ) => {
      const answer = await app.inject({
        method: method as 'POST',
        url: url.slice(ISSUER.length),
        headers,
        payload: body,
      })
      return new Response(answer.body, { status: answer.statusCode, headers: answer.headers as Record<string, string> })
    }
    const options = {
      initialAccessToken: INITIAL,
      dcr: 'token',
      [oauth.allowInsecureRequests]: true,
      [oauth.customFetch]: fetched,
    }
    const response = await oauth.dynamicClientRegistrationRequest(as, viewer, options as never)
    t.match(await oauth.processDynamicClientRegistrationResponse(response), viewer)
  })

  t.test('public clients and clients with keys get no secret', async t => {
    const open = await register({ redirect_uris: ['com.example.app:/back'], token_endpoint_auth_method: 'none' })
    t.equal(open.statusCode, 201, open.body)
    const jwks = { keys: [await publicJwk()] }
    const signs = await register({ ...viewer, token_endpoint_auth_method: 'private_key_jwt', jwks })
    t.equal(signs.statusCode, 201, signs.body)
    t.strictSame(signs.json().jwks, jwks)
    for (const { client_secret, client_secret_expires_at } of [open.json(), signs.json()]) {
      t.strictSame([client_secret, client_secret_expires_at], [undefined, undefined])
    }
  })

  t.test('rejected metadata and error codes', async t => {
    const people = { redirect_uris: [CALLBACK] }
    const privateJwk = await exportJWK((await generateKeyPair('ES256', { extractable: true })).privateKey)
    const weak = await exportJWK((await generateKeyPair('RS256', { extractable: true })).publicKey)
    const signs = { ...viewer, token_endpoint_auth_method: 'private_key_jwt' }
    const badUris = [
      'javascript:alert(1)',
      'data:text/html,x',
      'http://viewer.example.com/callback',
      `${CALLBACK}#x`,
      'https://*.example.com/',
      '/callback',
      'https://viewer.example.com/\ncallback',
      'https://viewer.example.com/call back',
      'app:/callback',
      `https://viewer.example.com/${'x'.repeat(3_000)}`,
    ]
    for (const uri of badUris) {
      const answer = await register({ redirect_uris: [CALLBACK, uri] })
      t.strictSame(refusal(answer), [400, 'invalid_redirect_uri'], uri)
      t.match(answer.json().error_description, 'redirect_uris/1')
    }
    for (const name of [
      'state',
      'code',
      'iss',
      'error',
      'error_description',
      'session_state',
      'c%6Fde',
      '%73tate',
      'State',
    ]) {
      const uris = [`${CALLBACK}?${name}=x`, `${CALLBACK}?a=b&${name}`, `com.example.app:/cb?${name}=`]
      for (const uri of uris) {
        t.strictSame(refusal(await register({ redirect_uris: [uri] })), [400, 'invalid_redirect_uri'], uri)
      }
    }
    const tenant = `${CALLBACK}?tenant=state&statement=1&my_code=2`
    t.strictSame((await register({ redirect_uris: [tenant] })).json().redirect_uris, [tenant])
    t.strictSame(refusal(await register({})), [400, 'invalid_redirect_uri'], 'people are sent back to somewhere')
    const worded = await register({ ...people, scope: 'openid orders:read offline_access' })
    t.equal(worded.json().scope, 'orders:read', 'words of other protocols are dropped, and the answer says so')
    const bad: Record<string, unknown> = {
      'a grant nobody knows': { ...people, grant_types: ['password'] },
      'the implicit grant': { ...people, response_types: ['token'] },
      'a refresh without what gives refresh tokens': { ...viewer, grant_types: ['refresh_token'], response_types: [] },
      'a response type without its grant': { ...viewer, grant_types: ['refresh_token'], response_types: ['code'] },
      'a way to prove who it is that nobody knows': { ...people, token_endpoint_auth_method: 'client_secret_jwt' },
      'credentials of its own': { ...viewer, grant_types: ['client_credentials'] },
      'a scope nobody knows': { ...people, scope: 'orders:read nothing' },
      'a scope of administrators': { ...people, scope: 'orders:read admin:read' },
      'keys that would have to be fetched': { ...signs, jwks_uri: 'https://viewer.example.com/jwks' },
      'no keys to sign with': signs,
      'an empty set of keys': { ...signs, jwks: { keys: [] } },
      'a private key': { ...signs, jwks: { keys: [privateJwk] } },
      'a shared secret as key': { ...signs, jwks: { keys: [{ kty: 'oct', k: 'c2VjcmV0' }] } },
      'a key that is none': { ...signs, jwks: { keys: [{ kty: 'EC', crv: 'P-256', x: 'x', y: 'y' }] } },
      'a weak key': { ...signs, jwks: { keys: [{ ...weak, n: weak.n?.slice(0, 170) }] } },
      'a page that runs': { ...people, client_uri: 'javascript:alert(1)' },
      'a logo that is a file': { ...people, logo_uri: 'file:///etc/passwd' },
      'a name that is too long': { ...people, client_name: 'x'.repeat(256) },
      'a name that is blank': { ...people, client_name: '  ' },
      'a name with NUL': { ...people, client_name: 'a\0b' },
      'a name that is no text': { ...people, client_name: { $ne: 1 } },
      'too many contacts': { ...people, contacts: Array(11).fill('a@example.com') },
      'a list': [people],
      'a text': '"x"',
    }
    for (const [name, body] of Object.entries(bad)) {
      const payload = typeof body === 'string' ? body : JSON.stringify(body)
      const headers = { ...bearer(INITIAL), 'content-type': 'application/json' }
      const answer = await app.inject({ method: 'POST', url: '/oauth/register', headers, payload })
      t.strictSame(refusal(answer), [400, 'invalid_client_metadata'], `${name}: ${answer.body}`)
    }
    const formed = await form(app, '/oauth/register', { client_name: 'x' }, bearer(INITIAL))
    t.equal(formed.statusCode, 415)
    t.strictSame(
      refusal(await register('{"client_name": ', { ...bearer(INITIAL), 'content-type': 'application/json' })),
      [400, 'invalid_request'],
    )
  })

  t.test('registration requires the initial access token, if there is one', async t => {
    const count = async () => (await services.clients.list({ limit: 100 })).length
    const before = await count()
    const strangers = [{}, bearer('wrong'), bearer(`${INITIAL}x`), bearer(INITIAL.slice(0, -1)), basic('a', INITIAL)]
    for (const headers of strangers as Record<string, string>[]) {
      const answer = await register(viewer, headers)
      t.equal(answer.statusCode, 401)
      t.match(answer.headers['www-authenticate'], /^Bearer /)
      t.type(answer.json().error, 'string')
    }
    t.equal(
      (await app.inject({ method: 'POST', url: `/oauth/register?access_token=${INITIAL}`, payload: viewer }))
        .statusCode,
      401,
    )
    t.equal(await count(), before)
  })

  t.test('a client reads, replaces and removes what it registered', async t => {
    const made = (await register({ ...viewer, scope: 'orders:read', client_uri: 'https://viewer.example.com' })).json()
    const { client_id, client_secret, registration_access_token: key, registration_client_uri: uri } = made

    const read = await manage('GET', uri, key)
    const { client_secret: _, client_secret_expires_at: __, ...kept } = made
    t.strictSame(read.json(), kept, 'all but the secret, which is stored nowhere')
    t.equal(read.headers['cache-control'], 'no-store')

    const change = { client_id, client_secret, client_name: 'Report', redirect_uris: [CALLBACK], scope: null }
    const changed = await manage('PUT', uri, key, change)
    t.equal(changed.statusCode, 200, changed.body)
    t.match(changed.json(), { client_name: 'Report', client_id, registration_access_token: key })
    for (const name of ['scope', 'client_uri', 'client_secret']) t.notOk(name in changed.json(), `${name} was left out`)
    t.equal(await proves(client_id, client_secret), 200, 'with the secret it had')

    const refused = async (body: object) => refusal(await manage('PUT', uri, key, { ...viewer, client_id, ...body }))
    t.strictSame(await refused({ client_id: undefined }), [400, 'invalid_request'])
    t.strictSame(await refused({ client_id: 'other' }), [400, 'invalid_request'])
    t.strictSame(await refused({ client_secret: 'other' }), [400, 'invalid_request'])
    t.strictSame(await refused({ registration_access_token: key }), [400, 'invalid_request'])
    t.strictSame(await refused({ client_secret_expires_at: 0 }), [400, 'invalid_request'])
    t.strictSame(await refused({ scope: 'admin:write' }), [400, 'invalid_client_metadata'])
    t.strictSame(await refused({ redirect_uris: ['data:,x'] }), [400, 'invalid_redirect_uri'])
    t.match((await manage('GET', uri, key)).json(), { client_name: 'Report' }, 'and nothing changed')

    t.equal((await manage('DELETE', uri, key)).statusCode, 204)
    t.equal(await proves(client_id, client_secret), 401)
    for (const method of ['GET', 'PUT', 'DELETE'] as const) {
      t.equal((await manage(method, uri, key, { ...viewer, client_id })).statusCode, 401, method)
    }
    const kinds = (await services.auditLog.list({ clientId: client_id }, { limit: 20 })).map(({ kind }) => kind)
    for (const kind of ['client.created', 'client.changed', 'client.revoked']) t.ok(kinds.includes(kind as never), kind)
  })

  t.test('a client that becomes public loses its secret, and gets a new one when it is confidential again', async t => {
    const app = { redirect_uris: [CALLBACK], grant_types: ['authorization_code'] }
    const made = (await register(app)).json()
    const { client_id, registration_access_token: key, registration_client_uri: uri } = made
    const open = await manage('PUT', uri, key, { ...app, client_id, token_endpoint_auth_method: 'none' })
    t.match(open.json(), { token_endpoint_auth_method: 'none' })
    t.equal(await proves(client_id, made.client_secret), 401)
    const closed = (await manage('PUT', uri, key, { ...app, client_id })).json()
    t.ok(closed.client_secret.length >= 43)
    t.equal(closed.client_secret_expires_at, 0)
    t.not(closed.client_secret, made.client_secret)
    t.equal(await proves(client_id, made.client_secret), 401)
    t.strictSame(refusal(await token(client_id, closed.client_secret)), [400, 'unauthorized_client'])
  })

  t.test('a client cannot manage another one', async t => {
    const one = (await register(viewer)).json()
    const two = (await register(viewer)).json()
    const { client: plain } = await services.clients.create({ name: 'registered by hand' })
    const personal = (await services.clients.personalAccess()).id
    const elsewhere = [two.client_id, plain.id, personal, 'no-uuid', '01939f4e-8a4c-7b60-b5a4-6f6d5c3f2a12']
    for (const id of elsewhere) {
      for (const key of [one.registration_access_token, INITIAL, two.client_secret, '']) {
        for (const method of ['GET', 'PUT', 'DELETE'] as const) {
          const body = { ...viewer, client_id: id }
          const answer = await manage(
            method,
            `${ISSUER}/oauth/register/${id}`,
            key,
            method === 'PUT' ? body : undefined,
          )
          t.strictSame([answer.statusCode, 'client_name' in answer.json()], [401, false], `${method} ${id}`)
        }
      }
    }
    t.equal(await proves(two.client_id, two.client_secret), 200)
  })

  t.test('the metadata names the registration endpoint', async t => {
    const metadata = (await app.inject('/.well-known/oauth-authorization-server')).json()
    t.equal(metadata.registration_endpoint, `${ISSUER}/oauth/register`)
  })
})
