import { createServer } from 'node:http'
import { exportJWK, generateKeyPair } from 'jose'
import { Provider } from 'oidc-provider'
import { CLIENT } from '../client.ts'
import { answer, usageCall } from '../processes.ts'

/** oidc-provider with its in-memory store: ES256 JWTs for a resource server, otherwise opaque tokens. */

const { privateKey } = await generateKeyPair('ES256', { extractable: true })
const RESOURCE = 'https://orders.example'

const provider = new Provider('http://localhost:3000', {
  clients: [
    {
      client_id: CLIENT.id,
      client_secret: CLIENT.secret,
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
      id_token_signed_response_alg: 'ES256',
    },
  ],
  jwks: { keys: [{ ...(await exportJWK(privateKey)), alg: 'ES256', use: 'sig', kid: 'bench' }] },
  scopes: [CLIENT.scope],
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    introspection: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: () => ({
        scope: CLIENT.scope,
        accessTokenFormat: 'jwt',
        jwt: { sign: { alg: 'ES256' } },
      }),
    },
  },
})
const server = createServer(provider.callback())

export const calls = answer(
  {
    listen: () =>
      new Promise(resolve => server.listen(0, '127.0.0.1', () => resolve(`http://127.0.0.1:${server.address().port}`))),
    paths: () => ({ token: '/token', introspect: '/token/introspection', jwt: { resource: RESOURCE }, opaque: {} }),
    usage: usageCall(),
  },
  async () => server.close(),
)
