import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { buildApp, openPostern, type PosternOptions } from 'postern'
import t, { type Test } from 'tap'
import { createRemote, type RemoteOptions } from '../../../packages/guard/src/index.ts'
import { APP_KEY, PASSWORD } from '../../helpers/app.ts'
import { testDatabase } from '../../helpers/database.ts'
import { listeningIssuer } from '../../helpers/issuer.ts'
import { freePort } from '../../helpers/port.ts'

const OLD = 'https://old.example.com'
const ORDERS = 'https://orders.example.com'
const FORMATS = ['jwt', 'opaque'] as const

/** One deployment that is started again and again with other settings, on one database and one port. */
async function restarting(t: Test) {
  const { databaseUrl } = await testDatabase(t)
  const dataDir = mkdtempSync(join(tmpdir(), 'postern-metadata-'))
  t.teardown(() => rmSync(dataDir, { recursive: true, force: true }))
  const port = await freePort()
  const settings = { databaseUrl, dataDir, appKey: APP_KEY, logLevel: 'silent' as const }
  const issuer = `http://127.0.0.1:${port}`
  return {
    issuer,
    /** Works with the database while no server runs. */
    async open<T>(options: PosternOptions, work: (postern: Awaited<ReturnType<typeof openPostern>>) => Promise<T>) {
      const postern = await openPostern({ ...settings, ...options })
      return work(postern).finally(() => postern.close())
    },
    async start(options: PosternOptions) {
      const app = await buildApp({ ...settings, issuer, ...options })
      await app.listen({ port, host: '127.0.0.1' })
      let closed = false
      const stop = async () => {
        if (!closed) await app.close()
        closed = true
      }
      t.teardown(stop)
      return { app, stop }
    },
  }
}

type Postern = Awaited<ReturnType<typeof openPostern>>

async function setUp({ users, clients }: Postern) {
  const user = await users.create({ email: 'ada@example.com', name: 'Ada', password: PASSWORD })
  const { client, secret } = await clients.create({ name: 'Orders API', audience: ORDERS })
  return { user, credentials: { clientId: client.id, clientSecret: String(secret) } }
}

/** A guard, and the status by which it answers to a token. */
function guardOf(t: Test, options: RemoteOptions, onRefused?: (error: Error) => void) {
  const remote = createRemote(options, onRefused)
  t.teardown(() => remote.close())
  const ask = async (text: string) => {
    try {
      await remote.authenticate(text)
      return 200
    } catch (error) {
      return (error as { status?: number }).status
    }
  }
  return { ...remote, ask }
}

async function until(status: number, ask: () => Promise<number | undefined>): Promise<void> {
  while ((await ask()) !== status) await pause(20)
}

t.test('tokens of a previous issuer are good at every guard while the issuer accepts them', async t => {
  const { issuer, open, start } = await restarting(t)
  const { credentials, tokens, revoked } = await open({ issuer: OLD }, async postern => {
    const { user, credentials } = await setUp(postern)
    const issue = (format: 'jwt' | 'opaque', resources?: string[]) =>
      postern.tokens.issuePersonal({ user, name: 'ci', scopes: ['tokens:read'], format, resources })
    const tokens = []
    for (const format of FORMATS) tokens.push(await issue(format), await issue(format, [ORDERS]))
    return { credentials, tokens, revoked: await issue('jwt') }
  })
  const { app, stop } = await start({ issuerPrevious: [OLD] })
  const followed = guardOf(t, { issuer, audience: ORDERS, ...credentials })
  const byLists = guardOf(t, { issuer, audience: ORDERS })
  const elsewhere = guardOf(t, { issuer, audience: 'https://other.example.com' })
  await followed.ready()
  for (const { plainText, token } of tokens) {
    t.equal(await followed.ask(plainText), 200, `${token.audience} ${plainText.slice(0, 5)}`)
    if (!plainText.startsWith('ey')) continue
    t.equal(await byLists.ask(plainText), 200)
    t.equal(await elsewhere.ask(plainText), token.audience === null ? 200 : 401)
  }
  await app.inject({
    method: 'DELETE',
    url: '/api/tokens/current',
    headers: { authorization: `Bearer ${revoked.plainText}` },
  })
  await until(401, () => followed.ask(revoked.plainText))
  t.equal(await followed.ask((tokens[0] as (typeof tokens)[0]).plainText), 200)
  await stop()
  await start({})
  for (const { plainText } of tokens.filter(({ plainText }) => plainText.startsWith('ey'))) {
    await until(401, () => followed.ask(plainText))
  }
})

t.test('an AUDIENCE that changes reaches guards that run', async t => {
  const { issuer, open, start } = await restarting(t)
  const one = { audience: 'https://one.example.com' }
  const { credentials, before } = await open({ issuer, ...one }, async postern => {
    const { user, credentials } = await setUp(postern)
    const { plainText } = await postern.tokens.issuePersonal({ user, name: 'ci', scopes: [], format: 'jwt' })
    return { credentials, before: plainText }
  })
  const { stop } = await start(one)
  const guards = [
    guardOf(t, { issuer, audience: ORDERS, ...credentials }),
    guardOf(t, { issuer, audience: ORDERS }),
    guardOf(t, { issuer }),
  ]
  for (const { ask } of guards) t.equal(await ask(before), 200)
  await stop()
  const { app } = await start({ audience: 'https://two.example.com' })
  const payload = { email: 'ada@example.com', password: PASSWORD, device_name: 'laptop', format: 'jwt' }
  const after = (await app.inject({ method: 'POST', url: '/api/tokens', payload })).json().token
  for (const { ask } of guards) {
    await until(200, () => ask(after))
    await until(401, () => ask(before))
  }
})

t.test('a guard that nobody tells its audience says so', async t => {
  const { issuer } = await listeningIssuer(t, { requireResource: true })
  const errors: Error[] = []
  const guard = guardOf(t, { issuer }, error => errors.push(error))
  const due = { code: 'issuer_refused', message: /deployment_audience.*Set the guard.s `audience`/ }
  await t.rejects(guard.ready(), due)
  await t.rejects(guard.ready(), due)
  t.match(errors, [due])
  t.equal(errors.length, 1)
  t.match(guard.health(), { status: 'failed', problems: [due.message] })
  const named = guardOf(t, { issuer, audience: ORDERS })
  await named.ready()
  t.equal(named.health().status, 'ok')
})

t.test('a guard takes no metadata that names another issuer (RFC 8414 §3.3)', async t => {
  const { issuer } = await listeningIssuer(t)
  const { port } = new URL(issuer)
  const errors: Error[] = []
  const guard = guardOf(t, { issuer: `http://localhost:${port}`, audience: ORDERS }, error => errors.push(error))
  await t.rejects(guard.ready(), { code: 'issuer_refused', message: /names the issuer .*127\.0\.0\.1/ })
  t.equal(errors.length, 1)
})
