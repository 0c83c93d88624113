import t, { type Test } from 'tap'
import { DEVICE_CODE } from '../../src/grants/device-grant.ts'
import { newUser, testApp } from '../helpers/app.ts'
import { authorizeUrl, Browser, pkce } from '../helpers/browser.ts'
import { ask, poll, television, typed } from '../helpers/device.ts'
import { grantAccess, refresh } from '../helpers/granted-tokens.ts'
import { basic, form } from '../helpers/oauth.ts'

const { app, services } = await testApp(t)
const CALLBACK = 'https://app.example/cb'
const ORDERS = 'https://orders.example.com'
const REPORTS = 'https://reports.example.com/v1'
const user = await newUser(services)
const browser = new Browser(app)
await browser.signIn(user)
const api = await services.clients.create({ name: 'Orders API', audience: ORDERS })
await services.clients.create({ name: 'Reports API', audience: REPORTS })

/** Spellings of one URI (RFC 3986 §6.2.2 and §6.2.3). */
const SPELLINGS = [ORDERS, `${ORDERS}/`, 'HTTPS://Orders.Example.com:443']
/** What is sent, and the audience that comes of it. */
const CASES: [resource: string[], aud: string | string[]][] = [
  ...SPELLINGS.map((spelling): [string[], string] => [[spelling], ORDERS]),
  [SPELLINGS, ORDERS],
  [
    [`${ORDERS}/`, REPORTS],
    [ORDERS, REPORTS],
  ],
]
const FORMATS = ['jwt', 'opaque'] as const

async function audienceOf(token: string): Promise<unknown> {
  const answer = await form(app, '/oauth/introspect', { token }, basic(api.client.id, api.secret))
  return answer.json().aud
}

async function has(t: Test, answer: Awaited<ReturnType<typeof form>>, aud: string | string[]): Promise<void> {
  t.equal(answer.statusCode, 200, answer.body)
  t.strictSame(await audienceOf(answer.json().access_token), aud)
}

for (const tokenFormat of FORMATS) {
  const settings = { name: 'Calendar', redirectUris: [CALLBACK], tokenFormat }
  const { client, secret } = await services.clients.create(settings)
  const headers = basic(client.id, secret)
  const { verifier, challenge } = pkce()

  const redeem = async (url: string) => {
    const code = (await browser.approve(url)).searchParams.get('code') ?? ''
    const request = { grant_type: 'authorization_code', code, redirect_uri: CALLBACK, code_verifier: verifier }
    return form(app, '/oauth/token', request, headers)
  }

  t.test(`resource at the authorization endpoint: ${tokenFormat}`, async t => {
    for (const [resource, aud] of CASES) {
      const url = authorizeUrl(client, { resource, prompt: 'consent', challenge })
      await has(t, await redeem(url), aud)
    }
  })

  t.test(`resource in a pushed request: ${tokenFormat}`, async t => {
    const standard = { response_type: 'code', redirect_uri: CALLBACK, code_challenge_method: 'S256', prompt: 'consent' }
    for (const [resource, aud] of CASES) {
      const pushed = await form(app, '/oauth/par', { ...standard, code_challenge: challenge, resource }, headers)
      t.equal(pushed.statusCode, 201, pushed.body)
      const query = new URLSearchParams({ client_id: client.id, request_uri: pushed.json().request_uri })
      await has(t, await redeem(`/oauth/authorize?${query}`), aud)
    }
    const unknown = { ...standard, code_challenge: challenge, resource: [ORDERS, 'https://nobody.example'] }
    t.match((await form(app, '/oauth/par', unknown, headers)).json(), { error: 'invalid_target' })
  })

  t.test(`resource of a device: ${tokenFormat}`, async t => {
    const tv = await television(services, { tokenFormat })
    for (const [resource, aud] of CASES) {
      const waiting = (await ask(app, tv, { resource })).json()
      await services.device.approve((await typed(services, waiting)).id, user)
      await has(t, await poll(app, tv, waiting), aud)
    }
    const unknown = await ask(app, tv, { resource: [ORDERS, 'https://nobody.example'] })
    t.match(unknown.json(), { error: 'invalid_target' })
  })

  t.test(`resource of a refresh: ${tokenFormat}`, async t => {
    const family = () => grantAccess(services, user, { tokenFormat })
    for (const [resource, aud] of CASES) {
      const granted = await family()
      const sent = { grant_type: 'refresh_token', refresh_token: granted.refreshToken, resource }
      await has(t, await form(app, '/oauth/token', sent, granted.headers), aud)
    }
    t.match((await refresh(app, await family(), { resource: 'https://nobody.example' })).json(), {
      error: 'invalid_target',
    })
    const tv = await television(services, { tokenFormat, grantTypes: [DEVICE_CODE, 'refresh_token'] })
    const waiting = (await ask(app, tv, { resource: `${ORDERS}/` })).json()
    await services.device.approve((await typed(services, waiting)).id, user)
    const refreshToken = (await poll(app, tv, waiting)).json().refresh_token
    const narrowed = { grant_type: 'refresh_token', refresh_token: refreshToken }
    const other = await form(app, '/oauth/token', { ...narrowed, resource: [ORDERS, REPORTS] }, tv.headers)
    t.match(other.json(), { error: 'invalid_target' }, 'not more than was granted')
    await has(t, await form(app, '/oauth/token', { ...narrowed, resource: SPELLINGS }, tv.headers), ORDERS)
  })
}

t.test('with REQUIRE_RESOURCE a grant without a resource is for the issuer only', async t => {
  const strict = await testApp(t, { requireResource: true })
  await strict.services.clients.create({ name: 'Orders API', audience: ORDERS })
  const family = async () => grantAccess(strict.services, await newUser(strict.services))
  t.match((await refresh(strict.app, await family(), { resource: ORDERS })).json(), { error: 'invalid_target' })
  t.equal((await refresh(strict.app, await family(), { resource: strict.services.config.audience })).statusCode, 200)
})
