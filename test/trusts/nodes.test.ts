import t from 'tap'
import { createApp } from '../../src/app.ts'
import { loadConfig } from '../../src/config/config.ts'
import { TOKEN_EXCHANGE } from '../../src/grants/exchange.ts'
import { openDatabase } from '../../src/open-database.ts'
import { createServices } from '../../src/services.ts'
import { ONLY_SHARED } from '../cluster/nodes.ts'
import { APP_KEY, CATALOGUE, ISSUER, newUser } from '../helpers/app.ts'
import { testDatabase } from '../helpers/database.ts'
import { form } from '../helpers/oauth.ts'
import { buildServer, GITHUB } from './provider.ts'

t.test('of two nodes, one pins, and a removal ends what both issued', ONLY_SHARED, async t => {
  const { databaseUrl } = await testDatabase(t)
  const openNode = async () => {
    const db = await openDatabase({ databaseUrl, databasePoolSize: 4, dataDir: undefined })
    const config = { ...loadConfig({ APP_KEY, ISSUER, LOG_LEVEL: 'silent', FETCH_LOOPBACK: 'on' }), databaseUrl }
    const services = await createServices({ config, catalogue: CATALOGUE, db })
    t.teardown(() => services.close())
    await services.ensure()
    services.listen()
    return { services, app: await createApp(services) }
  }
  const [one, two] = [await openNode(), await openNode()]
  const server = await buildServer(t)
  const user = await newUser(one.services)
  const trust = await one.services.trusts.create({
    issuer: server.issuer,
    match: { repository: 'acme/shop' },
    pin: ['repository_id'],
    userId: user.id,
    scopes: ['orders:read'],
  })
  const tokens: string[] = []
  for (let i = 0; i < 8; i++) tokens.push(await server.tokenFor({ ...GITHUB, repository_id: String(i % 4) }, ISSUER))
  const subject_token_type = 'urn:ietf:params:oauth:token-type:jwt'
  const responses = await Promise.all(
    tokens.map((subject_token, i) =>
      form(i % 2 ? one.app : two.app, '/oauth/token', {
        grant_type: TOKEN_EXCHANGE,
        subject_token,
        subject_token_type,
      }),
    ),
  )
  const issued = responses.filter(({ statusCode }) => statusCode === 200)
  const pinned = (await two.services.trusts.find(trust.id)).pinned?.repository_id
  t.strictSame(
    responses.map(({ statusCode }) => statusCode),
    tokens.map((_, i) => (String(i % 4) === pinned ? 200 : 400)),
  )
  t.equal((await two.services.trusts.remove(trust.id)).revoked, issued.length)
  for (const response of issued) {
    const headers = { authorization: `Bearer ${response.json().access_token}` }
    t.equal((await two.app.inject({ url: '/api/user', headers })).statusCode, 401)
  }
})
