import { oauthProvider } from '@better-auth/oauth-provider'
import formbody from '@fastify/formbody'
import { betterAuth } from 'better-auth'
import { getMigrations } from 'better-auth/db/migration'
import { jwt } from 'better-auth/plugins'
import Fastify from 'fastify'
import pg from 'pg'
import { CLIENT } from '../client.ts'
import { answer, usageCall } from '../processes.ts'

/** better-auth's OAuth provider on the same PostgreSQL, mounted in Fastify as documented; opaque tokens. */

const BASE = 'http://localhost:3000'
const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 10 })
const auth = betterAuth({
  baseURL: BASE,
  secret: CLIENT.secret,
  database: pool,
  emailAndPassword: { enabled: true },
  rateLimit: { enabled: false },
  logger: { disabled: true },
  plugins: [
    jwt({ jwks: { keyPairConfig: { alg: 'ES256' } } }),
    oauthProvider({
      loginPage: '/login',
      consentPage: '/consent',
      scopes: ['openid', CLIENT.scope],
      validAudiences: [BASE],
      clientPrivileges: () => true,
      grantTypes: ['authorization_code', 'client_credentials', 'refresh_token'],
      silenceWarnings: { oauthAuthServerConfig: true, openidConfig: true },
    }),
  ],
})
await (await getMigrations(auth.options)).runMigrations()

const person = { name: 'Ada Lovelace', email: 'ada@example.com', password: 'correct horse battery' }
const { headers: signedUp } = await auth.api.signUpEmail({ body: person, returnHeaders: true })
const headers = new Headers({
  cookie: signedUp
    .getSetCookie()
    .map(cookie => cookie.split(';')[0])
    .join('; '),
})
const client = await auth.api.adminCreateOAuthClient({
  headers,
  body: {
    client_name: 'bench',
    redirect_uris: ['https://app.example/cb'],
    grant_types: ['client_credentials'],
    token_endpoint_auth_method: 'client_secret_basic',
    scope: CLIENT.scope,
    client_credentials_scopes: [CLIENT.scope],
  },
})

const app = Fastify()
await app.register(formbody)
app.post('/api/auth/*', async (request, reply) => {
  const body = new URLSearchParams(request.body).toString()
  const response = await auth.handler(
    new Request(`${BASE}${request.url}`, { method: 'POST', headers: request.headers, body }),
  )
  reply.code(response.status)
  for (const [name, value] of response.headers) reply.header(name, value)
  return reply.send(await response.text())
})

export const calls = answer(
  {
    listen: () => app.listen({ port: 0, host: '127.0.0.1' }),
    paths: () => ({
      token: '/api/auth/oauth2/token',
      introspect: '/api/auth/oauth2/introspect',
      jwt: {},
      opaque: {},
      client: { id: client.client_id, secret: client.client_secret },
    }),
    usage: usageCall(),
  },
  async () => {
    await app.close()
    await pool.end()
  },
)
