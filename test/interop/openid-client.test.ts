import { exportJWK, generateKeyPair } from 'jose'
import * as oauth from 'openid-client'
import t from 'tap'
import { actingAs, newUser } from '../helpers/app.ts'
import { Browser } from '../helpers/browser.ts'
import { listeningIssuer } from '../helpers/issuer.ts'

const CALLBACK = 'http://127.0.0.1:9/callback'
const DEVICE = 'urn:ietf:params:oauth:grant-type:device_code'
const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange'

const { issuer, services, app } = await listeningIssuer(t)
const user = await newUser(services)
const browser = new Browser(app)
await browser.signIn(user)

function discover(id: string, authentication: oauth.ClientAuth): Promise<oauth.Configuration> {
  const options: oauth.DiscoveryRequestOptions = { algorithm: 'oauth2', execute: [oauth.allowInsecureRequests] }
  return oauth.discovery(new URL(issuer), id, undefined, authentication, options)
}

async function viewer(authentication?: (secret: string) => oauth.ClientAuth) {
  const { client, secret } = await services.clients.create({
    name: 'Viewer',
    public: !authentication,
    redirectUris: [CALLBACK],
    grantTypes: ['authorization_code', 'refresh_token', DEVICE],
  })
  return discover(client.id, authentication ? authentication(secret as string) : oauth.None())
}

async function signIn(config: oauth.Configuration, pushed = false): Promise<oauth.TokenEndpointResponse> {
  const verifier = oauth.randomPKCECodeVerifier()
  const state = oauth.randomState()
  const params = {
    redirect_uri: CALLBACK,
    scope: 'orders:read reports',
    state,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  }
  const url = pushed
    ? await oauth.buildAuthorizationUrlWithPAR(config, params)
    : oauth.buildAuthorizationUrl(config, params)
  const back = await browser.approve(url.href.slice(issuer.length))
  return oauth.authorizationCodeGrant(config, back, { pkceCodeVerifier: verifier, expectedState: state })
}

const opens = async (token: string) => (await fetch(`${issuer}/api/tokens/current`, bearer(token))).status
const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } })

t.test('a machine, by Basic, by post and by a signed assertion', async t => {
  for (const method of [oauth.ClientSecretBasic, oauth.ClientSecretPost]) {
    const { client, secret } = await services.clients.create({ name: 'Nightly' })
    const got = await oauth.clientCredentialsGrant(await discover(client.id, method(secret)), { scope: 'orders:read' })
    t.match(got, { token_type: 'bearer', expires_in: 3600, scope: 'orders:read' })
    t.equal(await opens(got.access_token), 200)
  }
  const { publicKey, privateKey } = await generateKeyPair('ES256')
  const jwks = { keys: [{ ...(await exportJWK(publicKey)), alg: 'ES256', kid: 'one' }] }
  const { client } = await services.clients.create({ name: 'Signing', authMethod: 'private_key_jwt', jwks })
  const config = await discover(client.id, oauth.PrivateKeyJwt({ key: privateKey as never, kid: 'one' }))
  for (const round of [1, 2]) t.ok((await oauth.clientCredentialsGrant(config)).access_token, `round ${round}`)
})

t.test('an app signs a person in, refreshes, introspects and revokes', async t => {
  for (const authentication of [undefined, oauth.ClientSecretBasic]) {
    const config = await viewer(authentication)
    const got = await signIn(config)
    t.match(got, { scope: 'orders:read reports', refresh_token: String })
    t.equal(await opens(got.access_token), 200)
    const next = await oauth.refreshTokenGrant(config, got.refresh_token as string, { scope: 'orders:read' })
    t.match(next, { scope: 'orders:read', refresh_token: String })
    t.equal(await opens(got.access_token), 401, 'the old one died')
    t.equal(await opens(next.access_token), 200)
    if (authentication) {
      t.match(await oauth.tokenIntrospection(config, next.access_token), { active: true, scope: 'orders:read' })
    }
    await oauth.tokenRevocation(config, next.refresh_token as string)
    t.equal(await opens(next.access_token), 401)
    await t.rejects(oauth.refreshTokenGrant(config, next.refresh_token as string), { error: 'invalid_grant' } as never)
  }
})

t.test('a pushed request', async t => {
  const got = await signIn(await viewer(oauth.ClientSecretBasic), true)
  t.equal(await opens(got.access_token), 200)
})

t.test('a device', async t => {
  const config = await viewer()
  const started = await oauth.initiateDeviceAuthorization(config, { scope: 'orders:read' })
  t.match(started, { user_code: String, verification_uri: `${issuer}/device`, interval: 5 })
  const found = await services.device.find(started.user_code, { address: '127.0.0.1', shared: false })
  await services.device.approve(found?.id as string, user)
  const got = await oauth.pollDeviceAuthorizationGrant(config, { ...started, interval: 0.01 })
  t.equal(await opens(got.access_token), 200)
})

t.test('a personal token is exchanged for a narrower one', async t => {
  const { token } = await actingAs(services, ['orders:read', 'reports'], { user })
  const { client, secret } = await services.clients.create({ name: 'Gateway', grantTypes: [EXCHANGE] })
  const config = await discover(client.id, oauth.ClientSecretBasic(secret))
  const got = await oauth.genericGrantRequest(config, EXCHANGE, {
    subject_token: token,
    subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    scope: 'reports',
  })
  t.match(got, { scope: 'reports', issued_token_type: 'urn:ietf:params:oauth:token-type:access_token' })
  t.equal(await opens(got.access_token), 200)
})
