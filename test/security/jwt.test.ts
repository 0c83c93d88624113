import { createHmac, createPublicKey, generateKeyPairSync, type JsonWebKey, sign } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { LightMyRequestResponse } from 'fastify'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import t, { type Test } from 'tap'
import { FRAMEWORKS, serving, untilAnswered } from '../guard/adapters/servers.ts'
import { actingAs } from '../helpers/app.ts'
import { listeningIssuer } from '../helpers/issuer.ts'
import { bearer, requester } from '../helpers/requester.ts'
import { sidecarCheck } from '../helpers/sidecar.ts'

/**
 * What an attacker sends in place of a JWT (RFC 8725, RFC 9068 §4), to our own API and to a resource server far away, in
 * every framework and behind the sidecar. All of it is 401 `invalid_token`.
 */

const { app, services, issuer: ISSUER } = await listeningIssuer(t)
type Ask = (text: string) => Promise<Pick<LightMyRequestResponse, 'statusCode' | 'headers' | 'body'>>
const here: Ask = text => requester(app, bearer(text)).get('/api/user')
const SERVERS: Record<string, Ask> = { here }
for (const framework of Object.keys(FRAMEWORKS))
  SERVERS[framework] = (await serving(t, framework, { issuer: ISSUER, audience: ISSUER })).read
SERVERS.sidecar = await sidecarCheck(t, ISSUER)
const { token } = await actingAs(services, ['orders:read'])
const claims = decodeJwt(token)
const header = decodeProtectedHeader(token)
const now = Math.floor(Date.now() / 1000)

const b64 = (value: object | string | Buffer) =>
  Buffer.from(Buffer.isBuffer(value) || typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')
const [head, body, signature] = token.split('.') as [string, string, string]
const attacker = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const forge = (changed: object, payload: object = claims) => {
  const input = `${b64({ ...header, ...changed })}.${b64(payload)}`
  return `${input}.${b64(sign('sha256', Buffer.from(input), { key: attacker.privateKey, dsaEncoding: 'ieee-p1363' }))}`
}

async function refused(t: Test, forgeries: Record<string, string>, servers = SERVERS) {
  // At once: a guard waits a second between two loads of the keys, for all that have an unknown `kid`.
  const cases = Object.entries(servers).flatMap(([where, ask]) =>
    Object.entries(forgeries).map(async ([what, text]) => ({
      name: `${where}: ${what}`,
      answer: await untilAnswered(() => ask(text)),
    })),
  )
  for (const { name, answer } of await Promise.all(cases)) {
    t.equal(answer.statusCode, 401, name)
    t.match(answer.headers['www-authenticate'], 'error="invalid_token"', name)
    t.notMatch(answer.body, /jose|JWS|JWT|kid|signature verification/, `${name}: says nothing of how it was checked`)
  }
  for (const [where, ask] of Object.entries(servers))
    t.equal((await ask(token)).statusCode, 200, `${where}: the real one is still good`)
}

t.test('without a signature', async t => {
  const none = ['none', 'None', 'NONE', 'nOnE', ''].flatMap(alg => {
    const input = `${b64({ ...header, alg })}.${body}`
    return [`${input}.`, `${input}.${signature}`, input]
  })
  await refused(t, {
    ...Object.fromEntries(none.map((text, i) => [`alg none ${i}`, text])),
    'no signature': `${head}.${body}.`,
    'two parts': `${head}.${body}`,
    'zero r and s': `${head}.${body}.${b64(Buffer.alloc(64))}`,
  })
})

t.test('with another key, or the public key as a secret', async t => {
  const { keys } = await services.keys.jwks()
  const publicKey = keys.find(key => key.kid === header.kid)
  const published = createPublicKey({ key: publicKey as JsonWebKey, format: 'jwk' })
  const pem = published.export({ type: 'spki', format: 'pem' })
  const secrets = {
    jwk: JSON.stringify(publicKey),
    pem,
    'pem without its end of line': pem.toString().trim(),
    der: published.export({ type: 'spki', format: 'der' }),
    x: publicKey?.x ?? '',
    empty: '',
    issuer: ISSUER,
  }
  const hmac = Object.entries(secrets).flatMap(([name, secret]) =>
    ['HS256', 'ES256'].map(alg => {
      const input = `${b64({ ...header, alg })}.${body}`
      return [`${alg} ${name}`, `${input}.${b64(createHmac('sha256', secret).update(input).digest())}`]
    }),
  )
  await refused(t, {
    ...Object.fromEntries(hmac),
    'same kid': forge({}),
    'next kid': forge({ kid: keys.find(key => key.kid !== header.kid)?.kid }),
    'no kid': forge({ kid: undefined }),
    'unknown kid': forge({ kid: '01939f4e-8a4c-7b60-b5a4-6f6d5c3f2a11' }),
    'kid that is a path': forge({ kid: '../../etc/passwd' }),
    'kid that is SQL': forge({ kid: "' or '1'='1" }),
    'kid that is no text': forge({ kid: { a: 1 } }),
    'kid with NUL': forge({ kid: '\0' }),
    'another algorithm': forge({ alg: 'RS256' }),
    EdDSA: forge({ alg: 'EdDSA' }),
    'a critical extension': forge({ crit: ['exp'], exp: now }),
    'unencoded payload': forge({ crit: ['b64'], b64: false }),
  })
})

t.test('with a key in its header: nothing is fetched', async t => {
  let fetched = 0
  const jwk = attacker.publicKey.export({ format: 'jwk' })
  const server = createServer((_request, response) => {
    fetched++
    response.end(JSON.stringify({ keys: [{ ...jwk, kid: 'mine' }] }))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`
  await refused(t, {
    jku: forge({ jku: url, kid: 'mine' }),
    'jku with our kid': forge({ jku: url }),
    x5u: forge({ x5u: url }),
    jwk: forge({ jwk }),
    'jwk without kid': forge({ jwk, kid: undefined }),
    x5c: forge({ x5c: [b64('certificate')] }),
    'iss of its own': forge({ kid: 'mine' }, { ...claims, iss: url }),
  })
  t.equal(fetched, 0)
})

t.test('signed by this server for another purpose', async t => {
  const signed = (changed: object, typ = 'at+jwt') => services.keys.sign({ ...claims, ...changed }, typ)
  await refused(t, {
    expired: await signed({ exp: now - 1 }),
    'expired long ago': await signed({ exp: 1 }),
    'not yet valid': await signed({ nbf: now + 3600 }),
    'another audience': await signed({ aud: 'https://orders.example' }),
    'no audience': await signed({ aud: undefined }),
    'another issuer': await signed({ iss: 'https://elsewhere.example' }),
    'the issuer and a slash': await signed({ iss: `${ISSUER}/` }),
    'no issuer': await signed({ iss: undefined }),
    'typ JWT': await signed({}, 'JWT'),
    'typ of an ID token': await signed({}, 'id+jwt'),
    'typ of a status list': await signed({}, 'statuslist+jwt'),
    'no exp': await signed({ exp: undefined }),
    'no jti': await signed({ jti: undefined }),
    'no sub': await signed({ sub: undefined }),
    'no client': await signed({ client_id: undefined }),
  })
  const nobodys = await signed({ jti: '01939f4e-8a4c-7b60-b5a4-6f6d5c3f2a11' })
  await refused(t, { 'a jti nobody issued': nobodys }, { here })
  const both = await signed({ aud: ['https://orders.example', ISSUER] })
  for (const ask of Object.values(SERVERS)) t.equal((await ask(both)).statusCode, 200, 'it may be meant for others too')
})

t.test('the same token in another encoding', async t => {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  // Differs only in bits that decoding throws away.
  const sibling = alphabet[alphabet.indexOf(signature.at(-1) as string) ^ 1] as string
  await refused(t, {
    'another last character': token.slice(0, -1) + sibling,
    '==': `${token}==`,
    '=': `${token}=`,
    'a dot': `${token}.`,
    'a letter': `${token}A`,
    'the payload changed': `${head}.${b64({ ...claims, scope: 'admin:write' })}.${signature}`,
    'the signature twice': `${token}.${signature}`,
    'a character of standard base64': `${head}.${body}.${signature.slice(0, -1)}+`,
    'without its start': token.slice(1),
    'as JSON': JSON.stringify({ payload: body, protected: head, signature }),
    'in quotes': `"${token}"`,
    'two at once': `${token} ${token}`,
    'two with a comma': `${token},${token}`,
    'a blank inside': `${head}. ${body}.${signature}`,
    long: `${token}${'A'.repeat(12_000)}`,
  })
})

t.test('an expired token is rejected, although it is cached', async t => {
  const { token } = await actingAs(services)
  t.equal((await here(token)).statusCode, 200)
  const real = Date.now
  Object.assign(Date, { now: () => real() + 366 * 86_400_000 })
  const answer = await here(token).finally(() => Object.assign(Date, { now: real }))
  t.equal(answer.statusCode, 401)
  t.match(answer.headers['www-authenticate'], 'error_description="The access token has expired."')
})
