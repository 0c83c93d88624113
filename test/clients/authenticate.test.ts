import { createHmac, randomUUID } from 'node:crypto'
import { type CryptoKey, exportJWK, exportSPKI, generateKeyPair, type JWTPayload, SignJWT } from 'jose'
import * as oauth from 'oauth4webapi'
import t from 'tap'
import { ISSUER, testApp } from '../helpers/app.ts'
import { basic, form } from '../helpers/oauth.ts'
import { slowHashes } from '../helpers/slow-hashes.ts'

const TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
const NOBODY = '01939f4e-8a4c-7b60-b5a4-6f6d5c3f2a12'

t.test('clients prove who they are', async t => {
  const { app, services } = await testApp(t)
  const { client, secret } = await services.clients.create({ name: 'nightly' })
  const ask = (params: Record<string, string | string[] | undefined>, headers: Record<string, string> = {}) =>
    form(app, '/oauth/token', { grant_type: 'client_credentials', ...params }, headers)
  const outcome = async (...request: Parameters<typeof ask>) => {
    const answer = await ask(...request)
    const { error } = answer.json()
    if (error) t.equal(answer.headers['cache-control'], 'no-store')
    return error ? [answer.statusCode, error] : answer.statusCode
  }
  const raw = (text: string) => ({ authorization: `Basic ${Buffer.from(text).toString('base64')}` })
  const right = { client_id: client.id, client_secret: secret }
  const REFUSED = [401, 'invalid_client']

  t.test('with a secret, in the header or in the body', async t => {
    t.equal(await outcome({}, basic(client.id, secret)), 200)
    t.equal(await outcome(right), 200)
    t.equal(await outcome({ client_id: client.id }, basic(client.id, secret)), 200, 'said twice alike')
    t.equal(await outcome({}, raw(`${client.id.replaceAll('-', '%2D')}:${secret}`)), 200, 'both halves form-encoded')
    const { authorization } = basic(client.id, secret)
    t.equal(await outcome({}, { authorization: authorization.replace('Basic', 'bASIC') }), 200)
    t.equal(await outcome({ ...right, client_id: client.id.toUpperCase() }), 200, 'an id is a UUID in either case')
  })

  t.test('or not', async t => {
    t.strictSame(await outcome({}), REFUSED, 'says nothing')
    t.strictSame(await outcome({ client_id: client.id }), REFUSED, 'no secret')
    t.strictSame(await outcome({ client_secret: secret }), REFUSED, 'no id')
    t.strictSame(await outcome({ ...right, client_secret: 'wrong' }), REFUSED, 'wrong secret in the body')
    t.strictSame(await outcome({ ...right, client_secret: `${secret}x` }), REFUSED)
    t.strictSame(await outcome({ ...right, client_secret: '' }), REFUSED, 'an empty one is none')
    const [stored] = client.secrets
    t.strictSame(await outcome({ ...right, client_secret: stored?.hash }), REFUSED, 'what is stored is no secret')
    t.strictSame(await outcome(right, basic(client.id, secret)), [400, 'invalid_request'], 'two ways at once')
    t.strictSame(
      await outcome({ client_id: NOBODY }, basic(client.id, secret)),
      [400, 'invalid_request'],
      'two clients',
    )
    t.strictSame(await outcome({ ...right, client_secret: ['x', String(secret)] }), [400, 'invalid_request'])
    for (const text of [
      '',
      ':',
      'no colon',
      `:${secret}`,
      `${client.id}:%zz`,
      `${client.id}:`,
      `${client.id}:\0`,
      '\xff\xfe:x',
    ])
      t.strictSame(await outcome({}, raw(text)), REFUSED, JSON.stringify(text))
    t.strictSame(await outcome({}, { authorization: 'Basic' }), REFUSED)
    t.strictSame(await outcome({}, { authorization: 'Basic !!!' }), REFUSED)
  })

  t.test('an unknown client and a wrong secret look alike, and name the way to do better', async t => {
    const wrong = await ask({}, basic(client.id, 'wrong'))
    t.equal(wrong.statusCode, 401)
    t.match(wrong.headers['www-authenticate'], /^Basic realm="postern"/)
    const personal = (await services.clients.personalAccess()).id
    for (const id of [NOBODY, 'no-uuid', personal, "' or 1=1", '__proto__', 'x'.repeat(5_000)]) {
      const unknown = await ask({}, basic(id, 'wrong'))
      t.strictSame([unknown.statusCode, unknown.body], [wrong.statusCode, wrong.body], id.slice(0, 20))
      t.equal(unknown.headers['www-authenticate'], wrong.headers['www-authenticate'])
    }
    for (const id of [client.id, NOBODY]) t.equal(await slowHashes(() => ask({}, basic(id, 'wrong'))), 0, 'nor by time')
  })

  t.test('without an Authorization header there is no challenge, at any endpoint', async t => {
    const wrong = { client_id: client.id, client_secret: 'wrong' }
    for (const path of ['token', 'par', 'device_authorization', 'introspect', 'revoke']) {
      const sent = { grant_type: 'client_credentials', token: 'x' }
      for (const params of [sent, { ...sent, ...wrong }, { ...sent, client_id: NOBODY }]) {
        const refused = await form(app, `/oauth/${path}`, params)
        t.match(refused, { statusCode: 401 }, path)
        t.equal(refused.headers['www-authenticate'], undefined, path)
      }
      const refused = await form(app, `/oauth/${path}`, sent, basic(client.id, 'wrong'))
      t.match(refused.headers['www-authenticate'], /^Basic realm="postern"/, path)
    }
    for (const [method, url] of [
      ['GET', '/oauth/events'],
      ['POST', '/oauth/usage'],
      ['POST', '/oauth/lost-revocations'],
    ] as const) {
      const payload = method === 'POST' ? { uses: [] } : undefined
      const ask = (headers: object) => app.inject({ method, url, headers: { ...headers }, ...(payload && { payload }) })
      const bare = await ask({})
      t.match(bare, { statusCode: 401 }, url)
      t.equal(bare.headers['www-authenticate'], undefined, url)
      t.match((await ask(basic(client.id, 'wrong'))).headers['www-authenticate'], /^Basic/, url)
    }
  })

  t.test('a public client has nothing to prove it with', async t => {
    const { client: open, secret: none } = await services.clients.create({ name: 'app', public: true })
    t.equal(none, undefined)
    t.strictSame(await outcome({ client_id: open.id }), [400, 'unauthorized_client'])
    t.strictSame(await outcome({ client_id: open.id, client_secret: 'x' }), REFUSED)
    t.strictSame(await outcome({}, basic(open.id, '')), REFUSED)
  })

  t.test('a revoked client is nobody from the next request on', async t => {
    const gone = await services.clients.create({ name: 'gone' })
    const spellings = [gone.client.id, gone.client.id.toUpperCase()]
    for (const id of spellings) t.equal(await outcome({}, basic(id, gone.secret)), 200)
    await services.clients.revoke(gone.client.id)
    for (const id of spellings) t.strictSame(await outcome({}, basic(id, gone.secret)), REFUSED, id)
  })

  t.test('a secret is stored nowhere', async t => {
    const stored = JSON.stringify(await services.db.query('select * from oauth_clients'))
    t.notMatch(stored, String(secret))
    t.notMatch(JSON.stringify(await services.clients.find(client.id)), String(secret))
  })

  t.test('with a signed assertion', async t => {
    const pair = await generateKeyPair('ES256', { extractable: true })
    const jwk = await exportJWK(pair.publicKey)
    const settings = { name: 'signs', authMethod: 'private_key_jwt' as const, jwks: { keys: [{ ...jwk, kid: 'one' }] } }
    const { client: signs, secret: none } = await services.clients.create(settings)
    t.equal(none, undefined)
    const now = Math.floor(Date.now() / 1000)
    const claims = (more: JWTPayload = {}): JWTPayload => ({
      iss: signs.id,
      sub: signs.id,
      aud: ISSUER,
      iat: now,
      exp: now + 60,
      jti: randomUUID(),
      ...more,
    })
    const sign = (more: JWTPayload = {}, key: CryptoKey | Uint8Array = pair.privateKey, header = {}) =>
      new SignJWT(claims(more)).setProtectedHeader({ alg: 'ES256', ...header }).sign(key)
    const show = async (client_assertion: string, more = {}, headers = {}) =>
      outcome({ client_assertion, client_assertion_type: TYPE, ...more }, headers)

    t.test('that holds', async t => {
      t.equal(await show(await sign()), 200)
      t.equal(await show(await sign({}, undefined, { kid: 'one' }), { client_id: signs.id }), 200)
      for (const typ of ['JWT', 'client-authentication+jwt', 'application/client-authentication+jwt']) {
        t.equal(await show(await sign({}, undefined, { typ })), 200, typ)
      }
      t.equal(await show(await sign({ iat: undefined as never })), 200, 'iat is optional')
      t.equal(await show(await sign({ nbf: now + 3, iat: now + 3 })), 200, 'by a clock that is a little fast')
    })

    t.test('by a client that nobody here wrote', async t => {
      const body = new URLSearchParams({ grant_type: 'client_credentials' })
      const prove = oauth.PrivateKeyJwt({ key: pair.privateKey, kid: 'one' })
      await prove({ issuer: ISSUER }, { client_id: signs.id }, body, new Headers())
      t.equal(await outcome(Object.fromEntries(body)), 200)
    })

    t.test('opens nothing twice', async t => {
      const once = await sign()
      t.equal(await show(once), 200)
      t.strictSame(await show(once), REFUSED)
      t.strictSame(await show(await sign({ jti: 'chosen' })), 200)
      t.strictSame(await show(await sign({ jti: 'chosen', exp: now + 61 })), REFUSED, 'another assertion of that name')
      const at = await sign()
      const all = await Promise.all(
        Array.from({ length: 8 }, () => ask({ client_assertion: at, client_assertion_type: TYPE })),
      )
      t.equal(all.filter(({ statusCode }) => statusCode === 200).length, 1, 'eight at once')
    })

    t.test('that does not hold', async t => {
      const other = await generateKeyPair('ES256')
      const pem = new TextEncoder().encode(await exportSPKI(pair.publicKey))
      const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
      const unsigned = `${part({ alg: 'none' })}.${part(claims())}.`
      const head = `${part({ alg: 'HS256' })}.${part(claims())}`
      const cases: Record<string, string> = {
        'another audience': await sign({ aud: 'https://elsewhere.example.com' }),
        'an audience that only begins alike': await sign({ aud: `${ISSUER}/` }),
        'the token endpoint as its audience': await sign({ aud: `${ISSUER}/oauth/token` }),
        'several audiences': await sign({ aud: [ISSUER, 'https://elsewhere.example.com'] }),
        'a list of one audience': await sign({ aud: [ISSUER] }),
        'the type of an access token': await sign({}, undefined, { typ: 'at+jwt' }),
        'from the future': await sign({ iat: now + 60 }),
        'made long ago': await sign({ iat: now - 3_600 }),
        'a number as its name': await sign({ jti: 7 as never }),
        'no text as its name': await sign({ jti: '' }),
        'no audience': await sign({ aud: undefined as never }),
        'another issuer': await sign({ iss: client.id }),
        'no issuer': await sign({ iss: undefined as never }),
        'another subject': await sign({ sub: client.id }),
        'a subject that nobody knows': await sign({ sub: NOBODY, iss: NOBODY }),
        'no subject': await sign({ sub: undefined as never }),
        expired: await sign({ exp: now - 60 }),
        'no end': await sign({ exp: undefined as never }),
        'too long a life': await sign({ exp: now + 3_600 }),
        'not yet': await sign({ nbf: now + 300 }),
        'no name of its own': await sign({ jti: undefined as never }),
        'another key': await sign({}, other.privateKey),
        'another key that it brings along': await sign({}, other.privateKey, { jwk: await exportJWK(other.publicKey) }),
        'a key to be fetched': await sign({}, other.privateKey, {
          jku: 'http://127.0.0.1:1/jwks',
          x5u: 'http://127.0.0.1:1',
        }),
        'no signature': unsigned,
        'the public key as a secret': `${head}.${createHmac('sha256', pem).update(head).digest('base64url')}`,
        'not a JWT': 'garbage',
        'not text': '..',
      }
      for (const [name, assertion] of Object.entries(cases)) t.strictSame(await show(assertion), REFUSED, name)
    })

    t.test('in the wrong place', async t => {
      t.strictSame(await show(await sign(), { client_id: client.id }), REFUSED, 'of another client')
      t.strictSame(await show(await sign(), { client_assertion_type: 'jwt' }), [400, 'invalid_request'])
      t.strictSame(await outcome({ client_assertion: await sign() }), [400, 'invalid_request'], 'without its type')
      t.strictSame(await outcome({ client_assertion_type: TYPE }), [400, 'invalid_request'], 'the type alone')
      t.strictSame(await show(await sign(), {}, basic(client.id, secret)), [400, 'invalid_request'], 'beside a secret')
      t.strictSame(await show(await sign(), right), [400, 'invalid_request'], 'beside a secret in the body')
      t.strictSame(await outcome({ client_id: signs.id }), REFUSED, 'it is not public')
      t.strictSame(await outcome({ client_id: signs.id, client_secret: 'x' }), REFUSED, 'it has no secret')
      const foreign = await sign({ iss: client.id, sub: client.id })
      t.strictSame(await show(foreign), REFUSED, 'of a client that has a secret and no keys')
    })

    t.test('by keys that were changed', async t => {
      const next = await generateKeyPair('EdDSA', { extractable: true })
      const old = await sign()
      await services.clients.update(signs.id, { jwks: { keys: [await exportJWK(next.publicKey)] } })
      t.strictSame(await show(old), REFUSED)
      t.equal(await show(await sign({}, next.privateKey, { alg: 'EdDSA' })), 200)
    })
  })
})
