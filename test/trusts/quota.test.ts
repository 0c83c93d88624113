import t from 'tap'
import { TOKEN_EXCHANGE } from '../../src/grants/exchange.ts'
import { newUser } from '../helpers/app.ts'
import { testNodes } from '../helpers/nodes.ts'
import { form } from '../helpers/oauth.ts'
import { buildServer, GITHUB } from './provider.ts'

/** The token of a workload may be used again, so the number of tokens that it gives has a limit. */

const OURS = 'http://localhost:3000'
const JWT = 'urn:ietf:params:oauth:token-type:jwt'
const LIMIT = 3
const settings = { fetchLoopback: true, tokensPerUser: LIMIT, exchangedTokensPerUser: LIMIT }

t.test('of one subject token, at once and on two nodes', async t => {
  const [here, there] = await testNodes(t, settings)
  const server = await buildServer(t)
  const user = await newUser(here.services)
  const { client } = await here.services.clients.create({ name: 'Deployer', grantTypes: [], scopes: ['orders:read'] })
  const { issuer } = server
  const text = await server.tokenFor(GITHUB, OURS)
  const exchange = (i: number) =>
    form((i % 2 ? here : there).app, '/oauth/token', {
      grant_type: TOKEN_EXCHANGE,
      subject_token: text,
      subject_token_type: JWT,
    })
  const uses = async () => Promise.all(Array.from({ length: LIMIT + 2 }, (_, i) => exchange(i)))
  const match = { repository: 'acme/shop' }
  for (const [owner, status] of [
    [{ userId: user.id }, 403],
    [{ clientId: client.id }, 429],
  ] as const) {
    const { id } = await here.services.trusts.create({ issuer, scopes: ['orders:read'], match, ...owner })
    const responses = await uses()
    const statuses = responses.map(({ statusCode }) => statusCode).sort()
    t.strictSame(statuses, [...Array(LIMIT).fill(200), status, status], JSON.stringify(owner))
    const refused = responses.find(response => response.statusCode === status)
    t.match(refused?.json(), { error: 'quota_reached', error_description: /3 / })
    await here.services.trusts.remove(id)
  }
})
