import formbody from '@fastify/formbody'
import { AuthorizationServer, DateInterval, generateRandomToken } from '@jmondi/oauth2-server'
import { handleFastifyError, handleFastifyReply, requestFromFastify } from '@jmondi/oauth2-server/fastify'
import Fastify from 'fastify'
import { CLIENT } from '../client.ts'
import { answer, usageCall } from '../processes.ts'

/** @jmondi/oauth2-server as in its README: HS256, with repositories in memory. */

const scope = { name: CLIENT.scope }
const client = {
  id: CLIENT.id,
  name: 'bench',
  secret: CLIENT.secret,
  redirectUris: [],
  allowedGrants: ['client_credentials'],
  scopes: [scope],
}
const tokens = new Map()

const clients = {
  getByIdentifier: async () => client,
  isClientValid: async (_grant, { secret }, sentSecret) => secret === sentSecret,
}
const repository = {
  issueToken: async (client, scopes, user) => ({
    accessToken: generateRandomToken(),
    accessTokenExpiresAt: new DateInterval('1h').getEndDate(),
    client,
    user,
    scopes,
  }),
  issueRefreshToken: async token => token,
  persist: async token => void tokens.set(token.accessToken, token),
  revoke: async token => void tokens.delete(token.accessToken),
  isRefreshTokenRevoked: async () => true,
  getByRefreshToken: async () => undefined,
  getByAccessToken: async text => tokens.get(text),
}
const scopes = { getAllByIdentifiers: async () => [scope], finalize: async granted => granted }

const server = new AuthorizationServer(clients, repository, scopes, CLIENT.secret)
const app = Fastify()
await app.register(formbody)
const route = work => async (request, reply) => {
  try {
    handleFastifyReply(reply, await work(requestFromFastify(request)))
  } catch (error) {
    handleFastifyError(error, reply)
  }
  return reply
}
app.post(
  '/token',
  route(request => server.respondToAccessTokenRequest(request)),
)
app.post(
  '/introspect',
  route(request => server.introspect(request)),
)

export const calls = answer(
  {
    listen: () => app.listen({ port: 0, host: '127.0.0.1' }),
    paths: () => ({ token: '/token', introspect: '/introspect', jwt: {}, opaque: {} }),
    usage: usageCall(),
  },
  () => app.close(),
)
