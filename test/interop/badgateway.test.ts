import { generateCodeVerifier, OAuth2Client } from '@badgateway/oauth2-client'
import t from 'tap'
import { newUser } from '../helpers/app.ts'
import { Browser } from '../helpers/browser.ts'
import { listeningIssuer } from '../helpers/issuer.ts'

const CALLBACK = 'http://127.0.0.1:9/callback'
const { issuer, services, app } = await listeningIssuer(t)
const discoveryEndpoint = `${issuer}/.well-known/oauth-authorization-server`
const opens = async (token: string) =>
  (await fetch(`${issuer}/api/tokens/current`, { headers: { authorization: `Bearer ${token}` } })).status

t.test('client credentials, introspection and revocation', async t => {
  const { client, secret } = await services.clients.create({ name: 'Nightly' })
  const library = new OAuth2Client({
    server: issuer,
    clientId: client.id,
    clientSecret: secret as string,
    discoveryEndpoint,
  })
  const token = await library.clientCredentials({ scope: ['orders:read'] })
  t.equal(await opens(token.accessToken), 200)
  t.match(await library.introspect(token), { active: true, client_id: client.id })
  await library.revoke(token)
  t.equal(await opens(token.accessToken), 401)
})

t.test('authorization code with PKCE, and refresh', async t => {
  const { client } = await services.clients.create({ name: 'Viewer', public: true, redirectUris: [CALLBACK] })
  const browser = new Browser(app)
  await browser.signIn(await newUser(services))
  const library = new OAuth2Client({ server: issuer, clientId: client.id, discoveryEndpoint })
  const codeVerifier = await generateCodeVerifier()
  const wish = { redirectUri: CALLBACK, state: 's', codeVerifier, scope: ['orders:read'] }
  const url = await library.authorizationCode.getAuthorizeUri(wish)
  const back = await browser.approve(url.slice(issuer.length))
  const first = await library.authorizationCode.getTokenFromCodeRedirect(back.href, {
    redirectUri: CALLBACK,
    state: 's',
    codeVerifier,
  })
  t.equal(await opens(first.accessToken), 200)
  const second = await library.refreshToken(first)
  t.equal(await opens(second.accessToken), 200)
  const renaming = await fetch(`${issuer}/api/user`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${second.accessToken}`, 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'Mallory' }),
  })
  t.equal(renaming.status, 403, 'an app that was let in changes nobody')
  t.equal(await opens(first.accessToken), 401)
})
