import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildApp, openPostern, type PosternOptions } from 'postern'
import t from 'tap'
import { commandsOn } from '../cli/postern.ts'
import { APP_KEY, PASSWORD } from '../helpers/app.ts'
import { testDatabase } from '../helpers/database.ts'

type Test = { teardown(work: () => unknown): void }

const OLD = 'https://old.example.com'
const NEW = 'https://new.example.com'
const email = 'ada@example.com'

/** Opens Postern again and again on one database. */
async function deployment(t: Test) {
  const place = await testDatabase(t)
  const dataDir = mkdtempSync(join(tmpdir(), 'postern-deployment-'))
  t.teardown(() => rmSync(dataDir, { recursive: true, force: true }))
  const { databaseUrl } = place
  const settings = { databaseUrl, dataDir, appKey: APP_KEY, logLevel: 'silent' as const }
  return {
    env: { DATA_DIR: dataDir, APP_KEY, ...(databaseUrl && { DATABASE_URL: databaseUrl }) },
    async as<T>(options: PosternOptions, work: (app: Awaited<ReturnType<typeof buildApp>>) => Promise<T>): Promise<T> {
      const app = await buildApp({ ...settings, ...options })
      return work(app).finally(() => app.close())
    },
    async open<T>(options: PosternOptions, work: (postern: Awaited<ReturnType<typeof openPostern>>) => Promise<T>) {
      const postern = await openPostern({ ...settings, ...options })
      return work(postern).finally(() => postern.close())
    },
  }
}

const withToken = (options: PosternOptions, { open }: Awaited<ReturnType<typeof deployment>>) =>
  open(options, async ({ users, tokens, clients }) => {
    const user = await users.create({ email, name: 'Ada', password: PASSWORD })
    const jwt = await tokens.issuePersonal({ user, name: 'ci', scopes: ['tokens:read'] })
    const { client, secret } = await clients.create({ name: 'gateway', audience: 'https://gateway.example.com' })
    return { jwt: jwt.plainText, basic: `Basic ${Buffer.from(`${client.id}:${secret}`).toString('base64')}` }
  })

t.test('another ISSUER stops the start, and ISSUER_PREVIOUS goes on with the old tokens', async t => {
  const at = await deployment(t)
  const { jwt } = await withToken({ issuer: OLD }, at)
  const use = (options: PosternOptions) =>
    at.as(options, async app => {
      const headers = { authorization: `Bearer ${jwt}` }
      return (await app.inject({ url: '/api/tokens', headers })).statusCode
    })
  await t.rejects(use({ issuer: NEW }), { name: 'StartupError', message: `ISSUER_PREVIOUS=${OLD}` })
  await t.rejects(use({ port: 4301 }), { name: 'StartupError', message: `Set ISSUER=${OLD}` })
  t.equal(await use({ issuer: `${OLD}/` }), 200, 'a refused start changed nothing')
  t.equal(await use({ issuer: NEW, issuerPrevious: [`${OLD}/`] }), 200)
  t.equal(await use({ issuer: NEW }), 401, 'once nobody accepts the old one, it is over')
  await t.rejects(use({ issuer: OLD }), { name: 'StartupError', message: `ISSUER_PREVIOUS=${NEW}` })
})

t.test('what is introspected of the previous issuer is active', async t => {
  const at = await deployment(t)
  const { jwt, basic } = await withToken({ issuer: OLD }, at)
  const answer = await at.as({ issuer: NEW, issuerPrevious: [OLD] }, app =>
    app.inject({
      method: 'POST',
      url: '/oauth/introspect',
      headers: { authorization: basic, 'content-type': 'application/x-www-form-urlencoded' },
      payload: `token=${jwt}`,
    }),
  )
  t.equal(answer.statusCode, 200)
  t.match(answer.json(), { active: true, scope: 'tokens:read' })
})

t.test('a port that changes kills no token', async t => {
  const at = await deployment(t)
  const { jwt } = await withToken({ port: 4300 }, at)
  const headers = { authorization: `Bearer ${jwt}` }
  for (const port of [4301, 4302, 4300]) {
    await at.as({ port }, async app => {
      t.equal((await app.inject({ url: '/api/tokens', headers })).statusCode, 200, String(port))
      const { issuer } = (await app.inject('/.well-known/oauth-authorization-server')).json()
      t.equal(issuer, `http://localhost:${port}`, 'and the metadata names the port there is')
    })
  }
})

t.test('commands in the folder of an application work with its issuer, prefix and catalogue', async t => {
  const at = await deployment(t)
  const catalogue = [{ id: 'parcels:send', description: 'Send parcels', default: true }]
  const options = { issuer: 'http://localhost:4000/auth', tokenPrefix: 'parcel_', catalogue }
  await withToken(options, at)
  const postern = commandsOn(at.env)
  const issue = ['token', 'issue', '--user', email, '--name', 'deploy', '--scope', 'parcels:send']
  const jwt = (await postern.json([...issue])).token
  const opaque = (await postern.json([...issue, '--format', 'opaque'])).token
  t.match(opaque, /^parcel_/)
  await at.open(options, async ({ guard: { authenticate } }) => {
    for (const text of [jwt, opaque]) t.strictSame((await authenticate(text)).scopes, ['parcels:send'])
  })
  const refused = await postern.run(issue, { env: { ISSUER: NEW } })
  t.match(refused, { code: 1, stderr: /^postern: ISSUER is .*ISSUER_PREVIOUS=[^\n]+\n$/ })
})
