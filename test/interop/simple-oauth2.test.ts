import { AuthorizationCode, ClientCredentials } from 'simple-oauth2'
import t from 'tap'
import { newUser } from '../helpers/app.ts'
import { Browser, pkce } from '../helpers/browser.ts'
import { listeningIssuer } from '../helpers/issuer.ts'

const CALLBACK = 'http://127.0.0.1:9/callback'
const { issuer, services, app } = await listeningIssuer(t)
const auth = { tokenHost: issuer, tokenPath: '/oauth/token', revokePath: '/oauth/revoke' }
const opens = async (token: unknown) =>
  (await fetch(`${issuer}/api/tokens/current`, { headers: { authorization: `Bearer ${token}` } })).status

for (const authorizationMethod of ['header', 'body'] as const) {
  t.test(`client credentials in the ${authorizationMethod}`, async t => {
    const { client, secret } = await services.clients.create({ name: 'Nightly' })
    const library = new ClientCredentials({
      client: { id: client.id, secret: secret as string },
      auth,
      options: { authorizationMethod },
    })
    const { token } = await library.getToken({ scope: 'orders:read' })
    t.equal(await opens(token.access_token), 200)
  })
}

t.test('authorization code, refresh and revocation', async t => {
  const { client, secret } = await services.clients.create({ name: 'Viewer', redirectUris: [CALLBACK] })
  const browser = new Browser(app)
  await browser.signIn(await newUser(services))
  const library = new AuthorizationCode({
    client: { id: client.id, secret: secret as string },
    auth: { ...auth, authorizePath: '/oauth/authorize' },
  })
  const { verifier, challenge } = pkce()
  const proof = { code_challenge: challenge, code_challenge_method: 'S256' }
  const url = library.authorizeURL({ redirect_uri: CALLBACK, scope: 'orders:read', state: 's', ...proof } as never)
  const back = await browser.approve(url.slice(issuer.length))
  const code = back.searchParams.get('code') as string
  const first = await library.getToken({ code, redirect_uri: CALLBACK, code_verifier: verifier } as never)
  t.equal(await opens(first.token.access_token), 200)
  const second = await first.refresh()
  t.equal(await opens(first.token.access_token), 401)
  t.equal(await opens(second.token.access_token), 200)
  await second.revokeAll()
  t.equal(await opens(second.token.access_token), 401)
})
