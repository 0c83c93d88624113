import { createHmac, createPrivateKey, type JsonWebKey, sign } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { LightMyRequestResponse } from 'fastify'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import t from 'tap'
import { createKeyWrapper } from '../../src/keys/key-wrapper.ts'
import { createKeyRing } from '../../src/security/key-ring.ts'
import { FRAMEWORKS, serving, untilAnswered } from '../guard/adapters/servers.ts'
import { APP_KEY, actingAs } from '../helpers/app.ts'
import { listeningIssuer } from '../helpers/issuer.ts'
import { bearer, requester } from '../helpers/requester.ts'
import { sidecarCheck } from '../helpers/sidecar.ts'

/**
 * docs/token-rules.md: what a JWT that carries our own signature must say, at the issuer and at a guard far from it, in every
 * framework. Signed here by the real key, since what a stranger signs is refused whatever it says.
 */

const { app, services, issuer } = await listeningIssuer(t)
const { token } = await actingAs(services, ['orders:read'])
const claims = decodeJwt(token)
const header = decodeProtectedHeader(token)
const kid = String(header.kid)
const row = (await services.keys.list()).find(({ id }) => id === kid)
const jwk = await createKeyWrapper(createKeyRing(APP_KEY)).unwrapKey(String(row?.privateKey), kid)
const key = createPrivateKey({ key: jwk as JsonWebKey, format: 'jwk' })
const now = Math.floor(Date.now() / 1000)

const b64 = (text: string | Buffer) => Buffer.from(text).toString('base64url')
const signed = (head: string, payload: string) => {
  const input = `${b64(head)}.${b64(payload)}`
  return `${input}.${b64(sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' }))}`
}
const withClaims = (changed: object) => signed(JSON.stringify(header), JSON.stringify({ ...claims, ...changed }))
const withHeader = (changed: object) => signed(JSON.stringify({ ...header, ...changed }), JSON.stringify(claims))
/** With more text in front of the members of the header or of the payload. */
const before = (head: string, payload: string) =>
  signed(JSON.stringify(header).replace('{', `{${head}`), JSON.stringify(claims).replace('{', `{${payload}`))
const hmac = (alg: string) => {
  const input = `${b64(JSON.stringify({ ...header, alg }))}.${b64(JSON.stringify(claims))}`
  return `${input}.${createHmac('sha256', JSON.stringify(jwk)).update(input).digest('base64url')}`
}
const none = `${b64(JSON.stringify({ ...header, alg: 'none' }))}.${b64(JSON.stringify(claims))}.`

const ROWS: [rule: string, what: string, text: string, accepted: boolean][] = [
  ['typ', 'at+jwt', withHeader({}), true],
  ['typ', 'application/at+jwt', withHeader({ typ: 'application/at+jwt' }), true],
  ['typ', 'in capitals', withHeader({ typ: 'AT+JWT' }), true],
  ['typ', 'none', withHeader({ typ: undefined }), false],
  ['typ', 'JWT', withHeader({ typ: 'JWT' }), false],
  ['typ', 'at+jwt and more', withHeader({ typ: 'at+jwt;v=1' }), false],
  ['typ', 'a list', withHeader({ typ: ['at+jwt'] }), false],
  ['alg', 'none', none, false],
  ['alg', 'HS256', hmac('HS256'), false],
  ['alg', 'HS512', hmac('HS512'), false],
  ['alg', 'another than the key’s', withHeader({ alg: 'RS256' }), false],
  ['kid', 'of no key', withHeader({ kid: 'x' }), false],
  ['kid', 'none', withHeader({ kid: undefined }), false],
  ['kid', 'a path', withHeader({ kid: `../${kid}` }), false],
  ['kid', 'SQL', withHeader({ kid: `${kid}' or '1'='1` }), false],
  ['kid', 'with NUL', withHeader({ kid: `${kid}\0` }), false],
  ['kid', 'a list', withHeader({ kid: [kid] }), false],
  ['crit', 'an extension', withHeader({ crit: ['x'], x: 1 }), false],
  ['crit', 'empty', withHeader({ crit: [] }), false],
  ['crit', 'b64', withHeader({ crit: ['b64'], b64: false }), false],
  ['iss', 'another', withClaims({ iss: 'https://elsewhere.example' }), false],
  ['iss', 'with a slash', withClaims({ iss: `${issuer}/` }), false],
  ['iss', 'a list', withClaims({ iss: [issuer] }), false],
  ['aud', 'a list with ours', withClaims({ aud: ['https://orders.example', issuer] }), true],
  ['aud', 'a list without ours', withClaims({ aud: ['https://orders.example'] }), false],
  ['aud', 'an empty list', withClaims({ aud: [] }), false],
  ['aud', 'a list with something else than text', withClaims({ aud: [issuer, 1] }), false],
  ['aud', 'a list in a list', withClaims({ aud: [[issuer]] }), false],
  ['aud', 'an object', withClaims({ aud: { 0: issuer } }), false],
  ['exp', 'over', withClaims({ exp: now - 1 }), false],
  ['exp', 'text', withClaims({ exp: String(now + 60) }), false],
  ['nbf', 'over', withClaims({ nbf: now - 60 }), true],
  ['nbf', 'to come', withClaims({ nbf: now + 300 }), false],
  ['nbf', 'text', withClaims({ nbf: 'now' }), false],
  ['iat', 'a few seconds ahead', withClaims({ iat: now + 5 }), true],
  ['iat', 'far ahead', withClaims({ iat: now + 3_600 }), false],
  ['iat', 'text', withClaims({ iat: 'now' }), false],
  ...['iss', 'aud', 'exp', 'iat', 'jti', 'sub', 'client_id'].map(
    name => ['missing', name, withClaims({ [name]: undefined }), false] as [string, string, string, boolean],
  ),
  ['text', 'sub is a number', withClaims({ sub: 1 }), false],
  ['text', 'jti is a list', withClaims({ jti: [claims.jti] }), false],
  ['text', 'scope is a list', withClaims({ scope: ['orders:read'] }), false],
  ['once', 'scope twice', before('', '"scope":"admin:write",'), false],
  ['once', 'aud twice', before('', '"aud":"https://orders.example",'), false],
  ['once', 'exp twice, once escaped', before('', String.raw`"\u0065xp":9999999999,`), false],
  ['once', 'alg twice', before('"alg":"none",', ''), false],
  ['once', 'a name again further in', before('', `"x":{"aud":"y","z":[{"exp":1}],"t":"\\"exp\\":1"},`), true],
]

type Ask = (text: string) => Promise<Pick<LightMyRequestResponse, 'statusCode' | 'headers'>>
const SERVERS: Record<string, () => Promise<Ask>> = {
  'at the issuer': async () => text => requester(app, bearer(text)).get('/api/user'),
  ...Object.fromEntries(
    Object.keys(FRAMEWORKS).map(framework => [
      `far from it, in ${framework}`,
      async () => (await serving(t, framework, { issuer, audience: issuer })).read,
    ]),
  ),
  'far from it, behind the sidecar': () => sidecarCheck(t, issuer),
}

for (const [where, start] of Object.entries(SERVERS)) {
  t.test(`the rules for tokens ${where}`, async t => {
    const ask = await start()
    // At once: a guard waits a second between two loads of the keys, for all that have an unknown `kid`.
    const answers = await Promise.all(ROWS.map(async ([, , text]) => untilAnswered(() => ask(text))))
    for (const [i, [rule, what, , accepted]] of ROWS.entries()) {
      t.equal(answers[i]?.statusCode, accepted ? 200 : 401, `${rule}: ${what}`)
      if (!accepted) t.match(answers[i]?.headers['www-authenticate'], 'error="invalid_token"')
    }
  })
}

t.test('the page names each rule', async t => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/token-rules.md'), 'utf8')
  for (const rule of new Set(ROWS.map(([rule]) => rule))) t.match(page, `| \`${rule}\` |`)
})
