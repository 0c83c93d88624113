import { exportJWK, generateKeyPair } from 'jose'
import t from 'tap'
import type { Client } from '../../src/clients/client.entity.ts'
import type { NewClient } from '../../src/clients/clients.ts'
import { newUser, testApp } from '../helpers/app.ts'
import { authorizeUrl, Browser } from '../helpers/browser.ts'
import { basic, form } from '../helpers/oauth.ts'

const INITIAL = 'x'.repeat(40)
const { app, services } = await testApp(t, { initialAccessToken: INITIAL, dcr: 'token' })
const [user, other] = [await newUser(services), await newUser(services)]
const browser = new Browser(app)
await browser.signIn(user)

const CALLBACK = 'https://app.example/callback'
const A = 'https://a.example'
for (const [name, audience] of [
  ['Orders', A],
  ['Reports', 'https://b.example'],
] as const) {
  await services.clients.create({ name, audience })
}
const newApp = (input: Partial<NewClient> = {}) =>
  services.clients.create({ name: 'Calendar', redirectUris: [CALLBACK], ...input })

type Asked = Record<string, string | string[]>
const isAsked = async (client: Pick<Client, 'id' | 'redirectUris'>, asked: Asked = {}) =>
  (await browser.get(authorizeUrl(client, { scope: 'orders:read', ...asked }))).statusCode === 200
const letIn = (client: Pick<Client, 'id' | 'redirectUris'>, asked: Asked = {}) =>
  browser.approve(authorizeUrl(client, { scope: 'orders:read', prompt: 'consent', ...asked }))

t.test('a consent counts for its scopes and its audience', async t => {
  const { client } = await newApp()
  t.ok(await isAsked(client))
  await letIn(client)
  t.notOk(await isAsked(client))
  t.ok(await isAsked(client, { scope: 'orders:read reports' }), 'another scope')
  t.ok(await isAsked(client, { resource: A }), 'another audience')
  await letIn(client, { resource: A })
  t.notOk(await isAsked(client, { resource: A }))
  t.notOk(await isAsked(client, { resource: `${A}/` }), 'the same in another spelling')
  t.ok(await isAsked(client, { resource: [A, 'https://b.example'] }))
  await letIn(client, { scope: 'reports' })
  t.notOk(await isAsked(client, { scope: 'orders:read reports' }), 'two that were granted one after the other')
})

t.test('it is forgotten when the app is another one since', async t => {
  const jwks = async () => ({ keys: [{ ...(await exportJWK((await generateKeyPair('ES256')).publicKey)), kid: 'k' }] })
  const change = (client: Client, values: object) => services.clients.update(client.id, values)
  const ways: [string, Partial<NewClient>, (client: Client) => Promise<unknown>][] = [
    ['redirect URIs', {}, client => change(client, { redirectUris: [CALLBACK, 'https://evil.example/cb'] })],
    ['the secret', {}, client => services.clients.rotateSecret(client.id)],
    ['the keys', { jwks: await jwks() }, async client => change(client, { jwks: await jwks() })],
    [
      'the owner',
      { userId: user.id },
      client => services.db.query('update oauth_clients set user_id = ? where id = ?', [other.id, client.id]),
    ],
  ]
  for (const [what, input, becomes] of ways) {
    const { client } = await newApp(input)
    await letIn(client)
    t.notOk(await isAsked(client), what)
    await becomes(client)
    services.bus.applyRemote({ kind: 'client', id: client.id })
    t.ok(await isAsked(client), `${what} changed`)
    await letIn(client)
    t.notOk(await isAsked(client), 'and is remembered anew')
  }
})

t.test('it ends', async t => {
  const { client } = await newApp()
  await letIn(client)
  await letIn(client, { scope: 'reports' })
  const passing = (days: number) =>
    services.db.query(
      `update oauth_remembered_consents set expires_at = expires_at - interval '${days} days',
         scopes = (select jsonb_object_agg(key, value::numeric - ${days} * 86400) from jsonb_each(scopes))`,
    )
  await passing(89)
  t.notOk(await isAsked(client))
  await letIn(client, { scope: 'reports' })
  await passing(2)
  t.ok(await isAsked(client), 'what was granted later prolongs nothing')
  t.notOk(await isAsked(client, { scope: 'reports' }))
  await passing(90)
  t.ok(await isAsked(client, { scope: 'reports' }))
})

t.test('an app that registered itself asks each time', async t => {
  const registered = await app.inject({
    method: 'POST',
    url: '/oauth/register',
    headers: { authorization: `Bearer ${INITIAL}` },
    payload: { client_name: 'Unknown', redirect_uris: [CALLBACK] },
  })
  const client = { id: registered.json().client_id as string, redirectUris: [CALLBACK] }
  await letIn(client)
  t.ok(await isAsked(client))
  t.match((await browser.get(authorizeUrl(client))).body, 'You will be asked again each time.')
})

t.test('where nothing is remembered every app asks each time', async t => {
  const strict = await testApp(t, { consentLifetime: 0 })
  const someone = new Browser(strict.app)
  await someone.signIn(await newUser(strict.services))
  const { client } = await strict.services.clients.create({ name: 'Calendar', redirectUris: [CALLBACK] })
  await someone.approve(authorizeUrl(client))
  t.equal((await someone.get(authorizeUrl(client))).statusCode, 200)
})

t.test('the page names the resource server, and says for how long', async t => {
  const { client } = await newApp()
  const body = async (asked: Asked) => (await browser.get(authorizeUrl(client, asked))).body
  t.match(await body({}), /apply to every API of/)
  const named = await body({ resource: [A, 'https://b.example'] })
  t.match(named, /apply to <bdi>Orders<\/bdi> \(<bdi>https:\/\/a\.example<\/bdi>\)/)
  t.match(named, /apply to <bdi>Reports<\/bdi>/)
  t.notMatch(named, 'every API')
  t.match(named, /Access lasts for up to 30 days .+ For 3 months, you will not be asked again/)
})

t.test('the app of a disabled user does not authenticate', async t => {
  const owner = await newUser(services)
  const { client, secret } = await newApp({
    userId: owner.id,
  })
  const ask = async () => (await form(app, '/oauth/introspect', { token: 'x' }, basic(client.id, secret))).statusCode
  t.equal(await ask(), 200)
  await services.users.disable(owner.id)
  t.equal(await ask(), 401)
  const grant = { grant_type: 'authorization_code', code: 'x', redirect_uri: CALLBACK, code_verifier: 'x'.repeat(43) }
  t.equal((await form(app, '/oauth/token', grant, basic(client.id, secret))).statusCode, 401)
  const page = await browser.get(authorizeUrl(client))
  t.equal(page.statusCode, 400)
  t.match(page.body, /No app is registered/)
  await services.users.enable(owner.id)
  t.equal(await ask(), 200)
})
