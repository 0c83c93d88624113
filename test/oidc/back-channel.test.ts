import t from 'tap'
import { ISSUER, testApp } from '../helpers/app.ts'
import { Browser } from '../helpers/browser.ts'
import { OIDC_CLIENT, openProvider } from '../helpers/openid-provider.ts'

const provider = await openProvider(t, [`${ISSUER}/oidc/callback`])
const { app } = await testApp(t, {
  oidc: [
    {
      ...{ key: '1', issuer: provider.issuer, ...OIDC_CLIENT, privateKey: undefined, label: 'Example' },
      ...{ scopes: 'openid', provision: 'jit', admins: undefined, link: 'none' },
    },
  ],
})
const EVENT = { 'http://schemas.openid.net/event/backchannel-logout': {} }

async function signedIn(subject: string) {
  provider.person = subject
  const browser = new Browser(app)
  const back = await provider.walk(String((await browser.get('/login/oidc/1')).headers.location))
  await browser.get(back.pathname + back.search)
  t.ok(browser.session)
  return browser
}
const isIn = async (browser: Browser) => (await browser.get('/account')).statusCode === 200
const send = async (claims: Record<string, unknown>, header = {}) => {
  const now = Math.floor(Date.now() / 1000)
  const all = {
    iss: provider.issuer,
    aud: OIDC_CLIENT.clientId,
    iat: now,
    exp: now + 120,
    jti: 'x',
    events: EVENT,
    ...claims,
  }
  const logout_token = await provider.sign(all, { typ: 'logout+jwt', ...header })
  const answer = await new Browser(app).post('/oidc/backchannel-logout', { logout_token })
  return { status: answer.statusCode, logout_token, headers: answer.headers }
}

t.test('a person who signs out at the provider is signed out here', async t => {
  const [one, two, other] = [await signedIn('ada'), await signedIn('ada'), await signedIn('grace')]
  const { status, headers, logout_token } = await send({ sub: 'ada' })
  t.equal(status, 200)
  t.equal(headers['cache-control'], 'no-store')
  t.notOk(await isIn(one))
  t.notOk(await isIn(two))
  t.ok(await isIn(other))
  t.equal((await send({ sub: 'nobody' })).status, 200, 'somebody who never signed in here')
  const later = await new Browser(app).post('/oidc/backchannel-logout', { logout_token })
  t.equal(later.statusCode, 200)
  t.ok(await isIn(other))
})

t.test('a token that is not a logout token of this provider ends nothing', async t => {
  const browser = await signedIn('alan')
  const now = Math.floor(Date.now() / 1000)
  const refused: [Record<string, unknown>, object?][] = [
    [{ sub: 'alan', aud: 'other' }],
    [{ sub: 'alan', iss: 'https://other.example' }],
    [{ sub: 'alan', nonce: 'x' }],
    [{ sub: 'alan', events: undefined }],
    [{ sub: 'alan', events: {} }],
    [{ sub: 'alan', iat: now - 3600, exp: now + 60 }],
    [{ sub: 'alan', exp: now - 60 }],
    [{}],
    [{ sub: 'alan' }, { kid: 'unknown' }],
  ]
  for (const [claims, header] of refused) t.equal((await send(claims, header)).status, 400, JSON.stringify(claims))
  for (const logout_token of ['', 'x', 'a.b.c', undefined]) {
    const answer = await new Browser(app).post('/oidc/backchannel-logout', { logout_token })
    t.equal(answer.statusCode, 400)
  }
  t.ok(await isIn(browser))
})
