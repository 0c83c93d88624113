import { createLocalJWKSet, decodeProtectedHeader, type JSONWebKeySet, jwtVerify } from 'jose'
import t from 'tap'
import { v7 as uuid } from 'uuid'
import { createApp } from '../../src/app.ts'
import { loadConfig } from '../../src/config/config.ts'
import { createKeyWrapper } from '../../src/keys/key-wrapper.ts'
import { createKeyRing } from '../../src/security/key-ring.ts'
import { createServices } from '../../src/services.ts'
import { APP_KEY, actingAs, CATALOGUE, ISSUER, newUser, testApp } from '../helpers/app.ts'
import { openTestDatabase } from '../helpers/database.ts'
import { bearer, requester } from '../helpers/requester.ts'

const { app, services } = await testApp(t, { signingAlgorithm: 'RS256' })
const jwks = async (): Promise<JSONWebKeySet> => (await requester(app).get('/.well-known/jwks.json')).json()
const kids = async () => (await jwks()).keys.map(key => key.kid as string)
const kidOf = (token: string) => decodeProtectedHeader(token).kid
const opens = async (token: string) => (await requester(app, bearer(token)).get('/api/user')).statusCode === 200

t.test('a new deployment has a current key of the configured algorithm and a next one', async t => {
  t.match(await jwks(), { keys: [{ alg: 'RS256' }, { alg: 'RS256' }] })
  t.equal((await jwks()).keys.length, 2)
})

t.test('signatures of every algorithm verify with the published keys', async t => {
  const tokens: string[] = []
  for (const [algorithm, kty] of [
    ['RS256', 'RSA'],
    ['EdDSA', 'OKP'],
    ['ES256', 'EC'],
  ] as const) {
    await services.keys.rotate(algorithm, { now: true })
    const { token, id } = await actingAs(services)
    const { payload, protectedHeader } = await jwtVerify(token, createLocalJWKSet(await jwks()), {
      issuer: ISSUER,
      audience: ISSUER,
      typ: 'at+jwt',
    })
    t.equal(protectedHeader.alg, algorithm)
    t.equal(payload.jti, id)
    t.match(
      (await jwks()).keys.find(key => key.kid === protectedHeader.kid),
      { kty, alg: algorithm, use: 'sig', kid: /^post_[0-9a-f-]{36}$/ },
    )
    tokens.push(token)
    for (const known of tokens) t.ok(await opens(known))
  }
})

t.test('every JWT of a deployment begins with the same text, whatever signs it', async t => {
  const { app, services } = await testApp(t, { tokenPrefix: 'acme_' })
  const user = await newUser(services)
  const jwts = [(await actingAs(services, [], { user })).token]
  for (const algorithm of ['EdDSA', 'RS256', 'ES256'] as const) {
    await services.keys.rotate(algorithm, { now: true })
    jwts.push((await actingAs(services, [], { user })).token, (await app.inject('/oauth/status-lists/1')).body)
  }
  for (const jwt of jwts) {
    t.ok(jwt.startsWith('eyJraWQiOiJhY21lX'), jwt.slice(0, 40))
    t.match(Buffer.from(jwt.split('.')[0] as string, 'base64url').toString(), /^\{"kid":"acme_[0-9a-f-]{36}","alg":"/)
  }
})

t.test('another TOKEN_PREFIX: keys keep their ids, and a rotation makes one with the new prefix', async t => {
  const db = await openTestDatabase(t)
  t.teardown(() => db.close())
  const open = async (tokenPrefix: string) => {
    const config = { ...loadConfig({ APP_KEY, ISSUER, LOG_LEVEL: 'silent' }), tokenPrefix }
    const services = await createServices({ config, catalogue: CATALOGUE, db: { ...db, close: async () => {} } })
    t.teardown(() => services.close())
    await services.ensure()
    return { app: await createApp(services), services }
  }
  const before = await open('post_')
  const old = await actingAs(before.services)
  const { app, services } = await open('acme_')
  const young = await actingAs(services)
  t.match(kidOf(young.token), /^post_/, 'until a rotation')
  const rotated = await services.keys.rotate()
  t.match(rotated, { outcome: 'scheduled', id: /^acme_/ }, 'a new key is published before it signs')
  await services.keys.rotate(undefined, { now: true })
  const renamed = await actingAs(services)
  t.match(kidOf(renamed.token), /^acme_/)
  for (const token of [old.token, young.token, renamed.token]) {
    t.equal((await requester(app, bearer(token)).get('/api/user')).statusCode, 200)
  }
})

t.test('a key from before the prefix signs, verifies, rotates and is revoked', async t => {
  const { app, services } = await testApp(t)
  const current = (await services.keys.list()).find(({ state }) => state === 'current') as {
    id: string
    privateKey: string
  }
  const id = uuid()
  const keyWrapper = createKeyWrapper(createKeyRing(APP_KEY))
  const privateKey = await keyWrapper.wrapKey(await keyWrapper.unwrapKey(current.privateKey, current.id), id)
  await services.db.query('update oauth_signing_keys set id = ?, private_key = ? where id = ?', [
    id,
    privateKey,
    current.id,
  ])
  await services.keys.load()
  const { token } = await actingAs(services)
  t.equal(kidOf(token), id)
  const opens = async () => (await requester(app, bearer(token)).get('/api/user')).statusCode
  t.equal(await opens(), 200)
  await services.keys.rotate()
  t.match(kidOf((await actingAs(services)).token), /^post_/)
  t.equal(await opens(), 200)
  await services.keys.revoke(id.toUpperCase())
  t.equal(await opens(), 401)
})

t.test('no private member is published', async t => {
  for (const key of (await jwks()).keys) {
    for (const member of ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']) t.notOk(member in key, `${key.kty} ${member}`)
  }
})

t.test('a rotation activates the next key, keeps old signatures valid and creates another key', async t => {
  const old = await actingAs(services)
  const before = await services.keys.list()
  const [current, next] = ['current', 'next'].map(state => before.find(key => key.state === state)?.id)
  t.equal(kidOf(old.token), current)
  t.ok((await kids()).includes(next as string), 'published before it signs')
  await services.keys.rotate('ES256', { now: true })
  const young = await actingAs(services)
  t.equal(kidOf(young.token), next)
  t.strictSame((await services.keys.list()).filter(key => key.state !== 'past').length, 2)
  t.ok((await opens(old.token)) && (await opens(young.token)))
})

t.test('the JWK Set can be cached for some minutes', async t => {
  const answer = await requester(app).get('/.well-known/jwks.json')
  t.equal(answer.headers['cache-control'], 'public, max-age=300')
  t.match(answer.headers['content-type'], /^application\/(jwk-set\+)?json/)
})

t.test('tokens that are issued during a rotation are accepted', async t => {
  const user = await newUser(services)
  const tokens: string[] = []
  const seen = new Set<boolean>()
  let rotations = 0
  const rotating = (async () => {
    for (; rotations < 4; rotations++) await services.keys.rotate('ES256', { now: true })
  })()
  while (rotations < 4) {
    const { plainText } = await services.tokens.issuePersonal({ user, name: 'x' })
    tokens.push(plainText)
    seen.add(await opens(plainText))
  }
  await rotating
  for (const token of tokens) seen.add(await opens(token))
  t.strictSame([...seen], [true])
  t.ok(new Set(tokens.map(kidOf)).size > 1, 'more than one key was at work')
})

t.test('a token that was signed before a rotation and stored after it is accepted', async t => {
  const { id, token } = await actingAs(services)
  // So that none of this key's tokens is there to be seen when the key is retired.
  await services.db.query('update oauth_access_tokens set revoked = true')
  await services.keys.rotate('ES256', { now: true })
  await services.db.query('update oauth_access_tokens set revoked = false where id = ?', [id])
  t.ok(await opens(token))
})

t.test('a past key is published as long as one of its tokens is live', async t => {
  const { id } = await actingAs(services)
  const first = (await services.keys.list()).find(key => key.state === 'current')?.id as string
  await services.keys.rotate('ES256', { now: true })
  // As if the key had signed yesterday, and this one token then.
  await services.db.query(
    `update oauth_signing_keys set activated_at = now() - interval '2 days', retired_at = now() - interval '12 hours'
     where id = ?`,
    [first],
  )
  const yesterday = uuid({ msecs: Date.now() - 86_400_000 })
  await services.db.query('update oauth_access_tokens set id = ? where id = ?', [yesterday, id])
  await services.keys.load()
  t.ok((await kids()).includes(first), 'its token lives')
  await services.db.query('update oauth_access_tokens set revoked = true')
  await services.keys.load()
  t.notOk((await kids()).includes(first), 'its token is dead')
})

t.test('a signature made by a retired key after its retirement is rejected', async t => {
  const { headers, token } = await actingAs(services)
  await services.keys.rotate('ES256', { now: true })
  t.ok(await opens(token))
  // Retired an hour ago, when no token was made; this one is made with it now.
  await services.db.query(
    `update oauth_signing_keys set activated_at = now() - interval '2 hours', retired_at = now() - interval '1 hour'
     where state = 'past'`,
  )
  services.bus.applyRemote({ kind: 'keys' })
  await services.keys.load()
  const refused = await requester(app, headers).get('/api/user')
  t.equal(refused.statusCode, 401)
  t.match(refused.headers['www-authenticate'], 'error="invalid_token"')
})

t.test('private keys are encrypted under APP_KEY, each bound to its row', async t => {
  const rows = await services.db.query<{ id: string; private_key: string; public_key: object }>(
    'select id, private_key, public_key from oauth_signing_keys order by state',
  )
  for (const { id, private_key, public_key } of rows) {
    t.match(private_key, /^eyJ[\w-]+\.\.[\w-]+\.[\w-]+\.[\w-]+$/, 'a compact JWE')
    t.notOk('d' in public_key)
    t.ok((await createKeyWrapper(createKeyRing(APP_KEY)).unwrapKey(private_key, id)).d)
    const wrong = createKeyWrapper(createKeyRing(Buffer.alloc(32, 7).toString('base64')))
    await t.rejects(wrong.unwrapKey(private_key, id), { name: 'StartupError', message: /APP_KEY/ })
  }
  const [a, b] = rows
  await services.db.query('update oauth_signing_keys set private_key = ? where id = ?', [a?.private_key, b?.id])
  await services.db.query('update oauth_signing_keys set private_key = ? where id = ?', [b?.private_key, a?.id])
  await t.rejects(services.keys.load(), { name: 'StartupError', message: /tampered/ })
})
