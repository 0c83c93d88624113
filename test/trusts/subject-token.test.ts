import { createServer } from 'node:http'
import {
  type CryptoKey,
  exportJWK,
  generateKeyPair,
  type JWTHeaderParameters,
  type JWTPayload,
  SignJWT,
  UnsecuredJWT,
} from 'jose'
import t, { type Test } from 'tap'
import { TOKEN_EXCHANGE } from '../../src/grants/exchange.ts'
import { newUser, testApp } from '../helpers/app.ts'
import { form } from '../helpers/oauth.ts'
import { freePort } from '../helpers/port.ts'

const OURS = 'http://localhost:3000'
const JWT = 'urn:ietf:params:oauth:token-type:jwt'
const { app, services } = await testApp(t, { fetchLoopback: true })
const user = await newUser(services)
const now = () => Math.floor(Date.now() / 1000)

/** An issuer that answers what a test wants. */
async function issuerOf(t: Test, { discovery = {}, keys }: { discovery?: object | string; keys?: unknown } = {}) {
  const issuer = `http://127.0.0.1:${await freePort()}`
  const pair = await generateKeyPair('RS256')
  const jwk = { ...(await exportJWK(pair.publicKey)), kid: 'one', alg: 'RS256', use: 'sig' }
  const requests: string[] = []
  const server = createServer(({ url = '' }, response) => {
    requests.push(url)
    const metadata = typeof discovery === 'string' ? discovery : { issuer, jwks_uri: `${issuer}/keys`, ...discovery }
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify(url === '/keys' ? (keys ?? { keys: [jwk] }) : metadata))
  })
  await new Promise<void>(resolve => void server.listen(Number(new URL(issuer).port), '127.0.0.1', resolve))
  t.teardown(() => server.close().closeAllConnections())
  const claims = (): JWTPayload => ({ iss: issuer, aud: OURS, sub: 'job', iat: now(), exp: now() + 300, repo: 'a/b' })
  const sign = (
    more: JWTPayload = {},
    header: Partial<JWTHeaderParameters> = {},
    key: CryptoKey | Uint8Array = pair.privateKey,
  ) =>
    new SignJWT({ ...claims(), ...more })
      .setProtectedHeader({ alg: 'RS256', kid: 'one', typ: 'JWT', ...header })
      .sign(key)
  await services.trusts.create({ issuer, match: { repo: 'a/b' }, userId: user.id, scopes: ['orders:read'] })
  return { issuer, requests, claims, sign, jwk }
}

const exchange = (token: string, more: object = {}) =>
  form(app, '/oauth/token', { grant_type: TOKEN_EXCHANGE, subject_token: token, subject_token_type: JWT, ...more })

async function answers(t: Test, token: string, status: number, description = /./, name = String(description)) {
  const response = await exchange(token)
  t.match({ status: response.statusCode, ...response.json() }, { status, error_description: description }, name)
}

t.test('a token that is forged, for somebody else or not valid now', async t => {
  const { sign, claims, jwk, issuer } = await issuerOf(t)
  t.equal((await exchange(await sign())).statusCode, 200)
  const other = await generateKeyPair('RS256')
  const weak = await generateKeyPair('ES256')
  await answers(t, await sign({}, {}, other.privateKey), 400, /signature/)
  await answers(t, await sign({}, { kid: 'two' }, other.privateKey), 400, /no such key/)
  await answers(t, await sign({}, { alg: 'ES256' }, weak.privateKey), 400, /no such key|signature/)
  await answers(t, new UnsecuredJWT(claims()).encode(), 400, /subject_token/, 'none')
  const publicKey = new TextEncoder().encode(JSON.stringify(jwk))
  await answers(t, await sign({}, { alg: 'HS256' }, publicKey), 400, /algorithm is not allowed/)
  const embedded = { jwk: await exportJWK(other.publicKey), jku: 'http://127.0.0.1:1/keys' }
  await answers(t, await sign({}, embedded, other.privateKey), 400, /signature/)
  await answers(t, await sign({ aud: 'https://other.example.com' }), 400, /No trust is configured/)
  await answers(t, await sign({ iss: `${issuer}/` }), 400, /No trust is configured/)
  await answers(t, await sign({ exp: now() - 60 }), 400, /expired/)
  await answers(t, await sign({ nbf: now() + 60 }), 400, /nbf/)
  await answers(t, await sign({ iat: now() + 60 }), 400, /future/)
  await answers(t, await sign({ exp: now() + 90_000 }), 400, /more than a day/)
  for (const claim of ['exp', 'iat', 'sub'])
    await answers(t, await sign({ [claim]: undefined }), 400, new RegExp(claim))
  await answers(t, await sign({ repo: ['a/b'] } as never), 400, /match no trust/)
  await answers(t, await sign({ repo: 'a/bc' }), 400, /match no trust/)
  await answers(t, await sign({ padding: 'x'.repeat(20_000) }), 400)
  t.equal((await exchange(await sign({ aud: ['x', OURS] }))).statusCode, 200, 'one of several audiences')
  t.equal((await exchange(await sign({ nbf: now() + 10, exp: now() - 10 }))).statusCode, 200, 'clocks may differ')
})

t.test('nothing is fetched for an issuer that no trust names', async t => {
  const { requests, sign } = await issuerOf(t)
  const stranger = await issuerOf(t)
  const [trust] = (await services.trusts.list({ limit: 100 })).filter(({ issuer }) => issuer === stranger.issuer)
  await services.trusts.remove(trust?.id as string)
  await answers(t, await stranger.sign(), 400, /No trust is configured/)
  t.strictSame(stranger.requests, [])
  for (let i = 0; i < 10; i++) await exchange(await sign({}, { kid: `unknown ${i}` }))
  t.strictSame(requests, ['/.well-known/openid-configuration', '/keys'], 'unknown keys do not make it fetch each time')
})

t.test('an issuer whose documents are wrong', async t => {
  const metadata = await issuerOf(t, { discovery: { issuer: 'https://other.example.com' } })
  await answers(t, await metadata.sign(), 400, /names another issuer/)
  const none = await issuerOf(t, { discovery: { jwks_uri: 1 } })
  await answers(t, await none.sign(), 400, /no jwks_uri/)
  const inside = await issuerOf(t, { discovery: { jwks_uri: 'https://10.0.0.1/keys' } })
  await answers(t, await inside.sign(), 400, /not public/)
  const file = await issuerOf(t, { discovery: { jwks_uri: 'file:///etc/passwd' } })
  await answers(t, await file.sign(), 400, /not https/)
  const keys = await issuerOf(t, { keys: { keys: 'x' } })
  await answers(t, await keys.sign(), 400, /no keys/)
  const huge = await issuerOf(t, { keys: { keys: [], padding: 'x'.repeat(300_000) } })
  await answers(t, await huge.sign(), 400, /bytes/)
})

t.test('an issuer that is away: try again', async t => {
  const issuer = `http://127.0.0.1:${await freePort()}`
  await services.trusts.create({ issuer, match: { repo: 'a/b' }, userId: user.id, scopes: ['orders:read'] })
  const { privateKey } = await generateKeyPair('RS256')
  const claims = { iss: issuer, aud: OURS, sub: 'job', iat: now(), exp: now() + 300 }
  const response = await exchange(await new SignJWT(claims).setProtectedHeader({ alg: 'RS256' }).sign(privateKey))
  t.match(response, { statusCode: 503, headers: { 'retry-after': '5' } })
  t.match(response.json(), { error: 'temporarily_unavailable' })
})

t.test('a key set without discovery', async t => {
  const { issuer, sign } = await issuerOf(t, { discovery: 'no discovery here' })
  const [trust] = (await services.trusts.list({ limit: 100 })).filter(each => each.issuer === issuer)
  await services.trusts.update(trust?.id as string, { jwksUri: `${issuer}/keys` })
  t.equal((await exchange(await sign())).statusCode, 200)
})

t.test('a client that authenticates exchanges no token of another issuer', async t => {
  const { sign } = await issuerOf(t)
  const { client, secret } = await services.clients.create({ name: 'c', grantTypes: [TOKEN_EXCHANGE] })
  const response = await exchange(await sign(), { client_id: client.id, client_secret: secret })
  t.match({ status: response.statusCode, ...response.json() }, { status: 400, error: 'invalid_request' })
})
