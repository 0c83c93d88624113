import { exportJWK, generateKeyPair } from 'jose'
import * as oauth from 'oauth4webapi'
import t from 'tap'
import { newUser } from '../helpers/app.ts'
import { Browser } from '../helpers/browser.ts'
import { listeningIssuer } from '../helpers/issuer.ts'

const CALLBACK = 'http://127.0.0.1:9/callback'
const DEVICE = 'urn:ietf:params:oauth:grant-type:device_code'
const insecure = { [oauth.allowInsecureRequests]: true } as const

const { issuer, services, app } = await listeningIssuer(t)
const discovered = await oauth.discoveryRequest(new URL(issuer), { algorithm: 'oauth2', ...insecure })
const as = await oauth.processDiscoveryResponse(new URL(issuer), discovered)
const user = await newUser(services)
const browser = new Browser(app)
await browser.signIn(user)

t.test('a machine, and what the issuer says of its token', async t => {
  const { client, secret } = await services.clients.create({ name: 'Nightly' })
  const me = { client_id: client.id }
  const mine = oauth.ClientSecretBasic(secret as string)
  const answer = await oauth.clientCredentialsGrantRequest(as, me, mine, { scope: 'orders:read' }, insecure)
  const got = await oauth.processClientCredentialsResponse(as, me, answer)
  t.match(got, { scope: 'orders:read' })
  const plain = await oauth.introspectionRequest(as, me, mine, got.access_token, insecure)
  t.match(await oauth.processIntrospectionResponse(as, me, plain), { active: true, client_id: client.id })
  const options = { ...insecure, requestJwtResponse: true }
  const signed = await oauth.introspectionRequest(as, me, mine, got.access_token, options)
  const signing = { ...me, introspection_signed_response_alg: 'ES256' }
  t.match(await oauth.processIntrospectionResponse(as, signing, signed), { active: true })
  const revoked = await oauth.revocationRequest(as, me, mine, got.access_token, insecure)
  await oauth.processRevocationResponse(revoked)
  const after = await oauth.introspectionRequest(as, me, mine, got.access_token, insecure)
  t.strictSame(await oauth.processIntrospectionResponse(as, me, after), { active: false })
})

t.test('a signed assertion proves a client', async t => {
  const { publicKey, privateKey } = await generateKeyPair('ES256')
  const jwks = { keys: [{ ...(await exportJWK(publicKey)), alg: 'ES256', kid: 'one' }] }
  const { client } = await services.clients.create({ name: 'Signing', authMethod: 'private_key_jwt', jwks })
  const mine = oauth.PrivateKeyJwt({ key: privateKey as never, kid: 'one' })
  const me = { client_id: client.id }
  const answer = await oauth.clientCredentialsGrantRequest(as, me, mine, {}, insecure)
  t.ok((await oauth.processClientCredentialsResponse(as, me, answer)).access_token)
})

t.test('an app signs a person in with a pushed request, and refreshes', async t => {
  const { client, secret } = await services.clients.create({ name: 'Viewer', redirectUris: [CALLBACK] })
  const me = { client_id: client.id }
  const mine = oauth.ClientSecretPost(secret as string)
  const verifier = oauth.generateRandomCodeVerifier()
  const state = oauth.generateRandomState()
  const params = {
    response_type: 'code',
    redirect_uri: CALLBACK,
    scope: 'orders:read',
    state,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  }
  const pushed = await oauth.pushedAuthorizationRequest(as, me, mine, params, insecure)
  const { request_uri } = await oauth.processPushedAuthorizationResponse(as, me, pushed)
  const query = new URLSearchParams({ client_id: client.id, request_uri })
  const back = oauth.validateAuthResponse(as, me, await browser.approve(`/oauth/authorize?${query}`), state)
  const answer = await oauth.authorizationCodeGrantRequest(as, me, mine, back, CALLBACK, verifier, insecure)
  const got = await oauth.processAuthorizationCodeResponse(as, me, answer)
  t.match(got, { scope: 'orders:read', refresh_token: String })
  const refreshed = await oauth.refreshTokenGrantRequest(as, me, mine, got.refresh_token as string, insecure)
  t.ok((await oauth.processRefreshTokenResponse(as, me, refreshed)).access_token)
  const reused = await oauth.refreshTokenGrantRequest(as, me, mine, got.refresh_token as string, insecure)
  await t.rejects(oauth.processRefreshTokenResponse(as, me, reused), { error: 'invalid_grant' } as never)
})

t.test('a device', async t => {
  const { client } = await services.clients.create({ name: 'Television', public: true, grantTypes: [DEVICE] })
  const me = { client_id: client.id }
  const none = oauth.None()
  const asked = await oauth.deviceAuthorizationRequest(as, me, none, { scope: 'orders:read' }, insecure)
  const { device_code, user_code } = await oauth.processDeviceAuthorizationResponse(as, me, asked)
  const poll = () => oauth.deviceCodeGrantRequest(as, me, none, device_code, insecure)
  await t.rejects(oauth.processDeviceCodeResponse(as, me, await poll()), { error: 'authorization_pending' } as never)
  const found = await services.device.find(user_code, { address: '127.0.0.1', shared: false })
  await services.device.approve(found?.id as string, user)
  const got = await oauth.processDeviceCodeResponse(as, me, await poll()).catch(error => error)
  t.match(got.error ?? 'slow_down', 'slow_down', 'polled again at once')
})
