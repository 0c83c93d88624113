import t from 'tap'
import { DEVICE_CODE } from '../../src/grants/device-grant.ts'
import { CATALOGUE, newUser, testApp } from '../helpers/app.ts'
import { authorizeUrl, Browser, locationOf, pkce } from '../helpers/browser.ts'
import { form } from '../helpers/oauth.ts'

/** Clients that nobody configured for this deployment request scopes that it may not have. */

const scopes = [...CATALOGUE.scopes, { id: 'offline_access', description: 'Listed by this deployment' }]
const { app, services } = await testApp(t, { catalogue: { scopes } })
const redirectUris = ['https://app.example/cb']
const grantTypes = ['authorization_code', 'refresh_token', DEVICE_CODE] as const
const settings = { name: 'Editor', redirectUris, grantTypes: [...grantTypes] }
const { client } = await services.clients.create({ ...settings, public: true })
const { client: confidential } = await services.clients.create(settings)
const browser = new Browser(app)
await browser.signIn(await newUser(services))

/** Lets the client in. @returns the scopes of its token */
async function granted(id: string, scope: string, more: Record<string, string> = {}): Promise<string> {
  const { verifier, challenge } = pkce()
  const to = await browser.approve(authorizeUrl({ id, redirectUris }, { scope, challenge, ...more }))
  const params = {
    ...{ grant_type: 'authorization_code', client_id: id, redirect_uri: String(redirectUris[0]) },
    ...{ code: to.searchParams.get('code') ?? '', code_verifier: verifier },
  }
  return (await form(app, '/oauth/token', params)).json().scope
}

const errorOf = async (url: string) => locationOf(await browser.get(url)).searchParams.get('error')

t.test('a public client gets those that exist, and the response lists them', async t => {
  t.equal(await granted(client.id, 'tools:call orders:read nope'), 'orders:read')
  t.equal(await granted(client.id, 'openid orders:read orders:create x:y'), 'orders:read orders:create')
  const page = await browser.get(authorizeUrl(client, { scope: 'tools:call orders:read' }))
  t.match(page.body, 'Read orders')
  t.notMatch(page.body, 'tools:call', 'the user is asked for what exists')
})

t.test('a pushed request and a device do too', async t => {
  const { challenge } = pkce()
  const pushed = await form(app, '/oauth/par', {
    client_id: client.id,
    redirect_uri: String(redirectUris[0]),
    response_type: 'code',
    code_challenge: challenge,
    code_challenge_method: 'S256',
    scope: 'orders:read nope',
  })
  t.equal(pushed.statusCode, 201)
  const device = await form(app, '/oauth/device_authorization', { client_id: client.id, scope: 'orders:read nope' })
  t.equal(device.statusCode, 200)
})

t.test('nothing but unknown scopes is an error, and so is "*"', async t => {
  for (const scope of ['nope', 'nope openid', '*', '* orders:read', 'admin:read']) {
    t.equal(await errorOf(authorizeUrl(client, { scope })), 'invalid_scope', scope)
  }
})

t.test('a confidential client is told', async t => {
  t.equal(await errorOf(authorizeUrl(confidential, { scope: 'orders:read nope' })), 'invalid_scope')
})

t.test('offline_access is never an error', async t => {
  const { client: limited } = await services.clients.create({ ...settings, public: true, scopes: ['orders:read'] })
  t.equal(await granted(limited.id, 'orders:read offline_access'), 'orders:read', 'the client is not allowed it')
  t.equal(await granted(client.id, 'orders:read offline_access'), 'orders:read offline_access', 'the catalogue has it')
})

t.test('nor is it at a refresh', async t => {
  const { verifier, challenge } = pkce()
  const to = await browser.approve(authorizeUrl(client, { scope: 'orders:read', challenge }))
  const code = to.searchParams.get('code') ?? ''
  const own = { client_id: client.id }
  const redeemed = await form(app, '/oauth/token', {
    ...{
      ...own,
      grant_type: 'authorization_code',
      code,
      redirect_uri: String(redirectUris[0]),
      code_verifier: verifier,
    },
  })
  const { refresh_token } = redeemed.json()
  const refresh = { ...own, grant_type: 'refresh_token', refresh_token, scope: 'orders:read offline_access' }
  t.match((await form(app, '/oauth/token', refresh)).json(), { scope: 'orders:read' })
})
