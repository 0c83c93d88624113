import { jwtVerify } from 'jose'
import pg from 'pg'
import { checkScopes } from '../../src/index.ts'
import { answer, usageCall } from '../processes.ts'
import { openServer } from './server.ts'

const server = await openServer()
const { postern, app } = server
const { keys, config } = postern
const pool = config.databaseUrl ? new pg.Pool({ connectionString: config.databaseUrl, max: 10 }) : undefined

const bearer = (header = '') => header.slice('Bearer '.length)
const order = async () => ({ id: 1, total: 4200 })

app.get('/open', order)
app.get('/guarded', { preHandler: checkScopes('orders:read') }, order)

/** The cost of a guard without a cache of verified signatures. */
app.get('/signature-each-time', async request => {
  const { issuer, audience } = config
  await jwtVerify(bearer(request.headers.authorization), keys.verificationKey, { issuer, audience, typ: 'at+jwt' })
  return order()
})

/** The minimum cost of a guard without a cache of statuses; it does not verify the signature. */
app.get('/select-each-time', async (request, reply) => {
  const claims = bearer(request.headers.authorization).split('.')[1]!
  const { jti } = JSON.parse(Buffer.from(claims, 'base64url').toString())
  const text = 'select scopes, revoked, expires_at from oauth_access_tokens where id = $1'
  const { rows } = await pool!.query({ name: 'status', text, values: [jti] })
  return rows[0].revoked ? reply.code(401).send() : order()
})

export const calls = answer({ listen: server.listen, issue: server.issue, usage: usageCall() }, async () => {
  await app.close()
  await pool?.end()
})
