import t from 'tap'
import type { NewClient } from '../../src/clients/clients.ts'
import { DEVICE_CODE } from '../../src/grants/device-grant.ts'
import { type TestApp, testApp } from '../helpers/app.ts'
import { pkce } from '../helpers/browser.ts'
import { basic, form } from '../helpers/oauth.ts'

/** What is stored for whoever asks: a client without a secret is whoever says its name. */

const CALLBACK = 'https://app.example/cb'
const PER_ADDRESS = 300
const pushed = {
  response_type: 'code',
  redirect_uri: CALLBACK,
  code_challenge: pkce().challenge,
  code_challenge_method: 'S256',
}

async function beginner({ app, services }: TestApp, settings: Partial<NewClient> = {}) {
  const grantTypes = ['authorization_code', DEVICE_CODE] as const
  const standard = { name: 'Television', public: true, grantTypes: [...grantTypes], redirectUris: [CALLBACK] }
  const { client, secret } = await services.clients.create({ ...standard, ...settings })
  const by = secret ? basic(client.id, secret) : {}
  const ask = (url: string, params: object, { from = '192.0.2.1', headers = {} } = {}) =>
    app.inject({
      method: 'POST',
      url,
      remoteAddress: from,
      headers: { 'content-type': 'application/x-www-form-urlencoded', ...by, ...headers },
      payload: new URLSearchParams({ ...params, ...(!secret && { client_id: client.id }) }).toString(),
    })
  return {
    device: (more = {}) => ask('/oauth/device_authorization', {}, more),
    push: (more = {}) => ask('/oauth/par', pushed, more),
    poll: (device_code: string) => ask('/oauth/token', { grant_type: DEVICE_CODE, device_code }),
  }
}

const rows = async ({ services }: TestApp, table: string) =>
  (await services.db.query<{ count: number }>(`select count(*)::int as count from ${table}`))[0]?.count

t.test('pending requests of public clients are limited per address', async t => {
  const at = await testApp(t)
  const [one, other] = [await beginner(at), await beginner(at)]
  const answers = await Promise.all(
    Array.from({ length: PER_ADDRESS }, (_, i) => (i % 2 ? one.push() : (i % 4 ? one : other).device())),
  )
  t.ok(answers.every(({ statusCode }) => statusCode < 300))
  const stored = async () => [await rows(at, 'oauth_device_codes'), await rows(at, 'oauth_pushed_requests')]
  const before = await stored()
  const spoofed = { headers: { 'x-forwarded-for': '203.0.113.7', forwarded: 'for=203.0.113.7' } }
  const asked = [one.device(), one.push(), other.device(), other.push(), one.device(spoofed)]
  for (const refused of await Promise.all(asked)) {
    t.equal(refused.statusCode, 429)
    const seconds = Number(refused.headers['retry-after'])
    t.ok(Number.isInteger(seconds) && seconds > 0 && seconds <= 900, String(seconds))
    t.equal(refused.headers['cache-control'], 'no-store')
    t.match(refused.json(), { error: 'too_many_requests', error_description: /Try again in \d+ seconds/ })
  }
  t.strictSame(await stored(), before, 'nothing is stored')
  for (const answer of await Promise.all([one.device({ from: '192.0.2.2' }), one.push({ from: '192.0.2.2' })])) {
    t.ok(answer.statusCode < 300, 'from elsewhere it goes on')
  }
  const confidential = await beginner(at, { public: false })
  for (const answer of await Promise.all([confidential.device(), confidential.push()])) {
    t.ok(answer.statusCode < 300, 'a client that proves who it is goes on')
  }
})

t.test('whoever has one IPv6 address has its whole /64', async t => {
  const client = await beginner(await testApp(t))
  const statuses = async (count: number, from: (i: number) => string) => {
    const answers = await Promise.all(Array.from({ length: count }, (_, i) => client.device({ from: from(i) })))
    return answers.filter(({ statusCode }) => statusCode === 200).length
  }
  t.equal(await statuses(PER_ADDRESS + 3, i => `2001:db8:0:7::${i.toString(16)}`), PER_ADDRESS)
  t.equal(await statuses(1, () => '2001:db8:0:8::1'), 1)
})

t.test('requests that are rejected for other reasons are not counted', async t => {
  const at = await testApp(t)
  const client = await beginner(at)
  const confidential = await beginner(at, { public: false, grantTypes: ['client_credentials'] })
  const here = { from: '127.0.0.1' }
  const nobody = () => form(at.app, '/oauth/device_authorization', { client_id: 'nobody' })
  const tries = Array.from({ length: PER_ADDRESS }, (_, i) => (i % 2 ? nobody() : confidential.device(here)))
  t.notOk((await Promise.all(tries)).some(({ statusCode }) => statusCode === 429))
  t.equal((await client.device(here)).statusCode, 200)
})

t.test('expired rows are deleted when new requests start', async t => {
  const at = await testApp(t)
  const client = await beginner(at)
  const ago = (table: string, hours: number) =>
    at.services.db.query(`update ${table} set expires_at = now() - make_interval(hours => ?)`, [hours])
  for (const [table, begin] of [
    ['oauth_device_codes', client.device],
    ['oauth_pushed_requests', client.push],
  ] as const) {
    for (let i = 0; i < 5; i++) await begin()
    await ago(table, 0)
    await begin()
    t.equal(await rows(at, table), 6, `${table}: what has just expired can still be told so`)
    await ago(table, 2)
    await begin()
    t.equal(await rows(at, table), 1, table)
  }
  const { device_code } = (await client.device()).json()
  await ago('oauth_device_codes', 0)
  await client.device()
  t.match((await client.poll(device_code)).json(), { error: 'expired_token' })
})
