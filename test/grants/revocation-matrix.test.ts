import { decodeJwt } from 'jose'
import t from 'tap'
import { createRemote, type Remote } from '../../packages/guard/src/remote/remote.ts'
import { createApp } from '../../src/app.ts'
import { loadConfig } from '../../src/config/config.ts'
import { newId } from '../../src/database/ids.ts'
import { issueCode } from '../../src/grants/codes.ts'
import { DEVICE_CODE } from '../../src/grants/device-grant.ts'
import { TOKEN_EXCHANGE } from '../../src/grants/exchange.ts'
import { openDatabase } from '../../src/open-database.ts'
import { createServices } from '../../src/services.ts'
import type { User } from '../../src/users/user.entity.ts'
import { eventually, type Node } from '../cluster/nodes.ts'
import { APP_KEY, CATALOGUE, newUser } from '../helpers/app.ts'
import { pkce } from '../helpers/browser.ts'
import { SERVER, testDatabase } from '../helpers/database.ts'
import { type GrantedTokens, grantAccess, opens } from '../helpers/granted-tokens.ts'
import { basic, exchangeOf, form } from '../helpers/oauth.ts'
import { freePort } from '../helpers/port.ts'
import { bearer } from '../helpers/requester.ts'

/**
 * Every grant beside every revocation of what it rests on, on two nodes of one PostgreSQL; on the embedded database one
 * after the other. Afterwards no token that was issued is accepted: by the issuer, by a guard that follows the feed, or by
 * one that reads the status lists.
 */

const CALLBACK = 'https://app.example/cb'
const SCOPES = ['orders:read', 'tokens:write']
const port = await freePort()
const issuer = `http://127.0.0.1:${port}`
const where = await testDatabase(t)
const one = await openNode()
const two = where.databaseUrl ? await openNode() : one
await one.app.listen({ port, host: '127.0.0.1' })
t.teardown(() => one.app.close())
const model = await newUser(one.services)

async function openNode(): Promise<Node> {
  const { databaseUrl } = where
  const settings = databaseUrl ? { databaseUrl, listenUrl: databaseUrl } : {}
  const config = { ...loadConfig({ APP_KEY, LOG_LEVEL: 'silent' }), issuer, audience: issuer, ...settings }
  const services = await createServices({ config, catalogue: CATALOGUE, db: await openDatabase(where) })
  t.teardown(() => services.close())
  await services.ensure()
  services.listen()
  return { services, app: await createApp(services), warnings: [], errors: [] }
}

/** A user, without the time that hashing a password takes. */
async function copyUser(): Promise<User> {
  const id = newId()
  await one.services.db.query(
    `insert into users (id, email, name, role, password_hash, must_change_password, created_at, updated_at)
     select ?, ?, name, role, password_hash, must_change_password, created_at, updated_at from users where id = ?`,
    [id, `${id}@example.com`, model.id],
  )
  return one.services.users.find(id)
}

/** Who asks: a user, an app that the user let in, and a service that exchanges tokens. */
interface Scene extends GrantedTokens {
  user: User
  worker: { id: string; headers: { authorization: string } }
}

async function newScene(): Promise<Scene> {
  const user = await copyUser()
  const granted = await grantAccess(one.services, user, {
    scopes: SCOPES,
    grantTypes: [DEVICE_CODE, 'authorization_code', 'refresh_token', 'client_credentials'],
    redirectUris: [CALLBACK],
    issuesPersonalTokens: true,
  })
  const settings = { name: 'worker', grantTypes: [TOKEN_EXCHANGE], scopes: ['orders:read'] }
  const { client, secret } = await one.services.clients.create(settings)
  return { ...granted, user, worker: { id: client.id, headers: basic(client.id, secret) } }
}

type Redeem = () => ReturnType<typeof form>

/** What a grant takes, and the request that redeems it. */
const GRANTS: Record<string, (scene: Scene) => Promise<Redeem>> = {
  'personal token': async ({ accessToken }) => {
    const payload = { name: 'made', scopes: ['orders:read'] }
    return () => two.app.inject({ method: 'POST', url: '/api/tokens', headers: bearer(accessToken), payload })
  },
  'authorization code': async ({ user, client, headers }) => {
    const { verifier, challenge } = pkce()
    const draft = { user: user.id, client: client.id, redirectUri: CALLBACK, scopes: SCOPES, audience: null }
    const code = await one.services.db.transaction(em => issueCode(em, { ...draft, codeChallenge: challenge }, 60))
    const params = { grant_type: 'authorization_code', code, redirect_uri: CALLBACK, code_verifier: verifier }
    return () => form(two.app, '/oauth/token', params, headers)
  },
  'device code': async ({ user, client, headers }) => {
    const { device } = one.services
    const { device_code, user_code } = await device.start({ client, params: { scope: 'orders:read' } })
    await device.approve((await device.find(user_code, { address: '127.0.0.1', shared: false }))?.id ?? '', user)
    return () => form(two.app, '/oauth/token', { grant_type: DEVICE_CODE, device_code }, headers)
  },
  refresh: async ({ refreshToken, headers }) => {
    const params = { grant_type: 'refresh_token', refresh_token: refreshToken }
    return () => form(two.app, '/oauth/token', params, headers)
  },
  exchange: async ({ accessToken, worker }) => {
    return () => form(two.app, '/oauth/token', exchangeOf(accessToken), worker.headers)
  },
  'client credentials': async ({ headers }) => {
    return () => form(two.app, '/oauth/token', { grant_type: 'client_credentials', scope: 'orders:read' }, headers)
  },
  rotation: async ({ user, accessToken }) => {
    const { token } = await one.services.tokens.issuePersonal({ user, name: 'old', scopes: ['orders:read'] })
    const headers = bearer(accessToken)
    return () => two.app.inject({ method: 'POST', url: `/api/tokens/${token.id}/rotate`, headers, payload: {} })
  },
}

const REVOCATIONS: Record<string, (scene: Scene) => Promise<unknown>> = {
  'revoke client': ({ client }) => one.services.clients.revoke(client.id),
  'revoke the client that exchanges': ({ worker }) => one.services.clients.revoke(worker.id),
  'disable user': ({ user }) => one.services.users.disable(user.id),
  'sign out everywhere': ({ user }) => one.services.signOut(user.id),
  'withdraw consent': ({ user, client }) => one.services.authorizations.withdraw(user.id, client.id),
  'revoke parent': ({ accessToken }) => one.services.revokeToken(String(decodeJwt(accessToken).jti)),
  'an administrator revokes the access token': ({ accessToken }) =>
    one.services.tokenAdmin.revokeOne(String(decodeJwt(accessToken).jti)),
  'an administrator revokes the tokens of the app': ({ client }) =>
    one.services.tokenAdmin.revoke({ clientId: client.id }),
  'revoke refresh token': ({ refreshToken, headers }) =>
    form(one.app, '/oauth/revoke', { token: refreshToken }, headers),
}

/** Which revocations leave nothing that the grant gives. */
function concerns(grant: string, revocation: string): boolean {
  if (grant === 'client credentials') return revocation === 'revoke client'
  if (revocation === 'revoke the client that exchanges') return grant === 'exchange'
  if (revocation === 'revoke refresh token' || revocation.startsWith('an administrator'))
    return ['personal token', 'refresh', 'exchange', 'rotation'].includes(grant)
  if (revocation === 'revoke parent') return ['personal token', 'exchange', 'rotation'].includes(grant)
  return true
}

type Order = (redeem: Redeem, revoke: () => Promise<unknown>) => Promise<Awaited<ReturnType<Redeem>>>

const SEQUENTIAL: Record<string, Order> = {
  before: async (redeem, revoke) => {
    const answer = await redeem()
    await revoke()
    return answer
  },
  after: async (redeem, revoke) => {
    await revoke()
    return redeem()
  },
}
/** The revocation begins as many round trips to the database after the redemption, so that they meet at different points. */
const concurrent =
  (roundTrips: number): Order =>
  async (redeem, revoke) => {
    const answer = redeem()
    for (let i = 0; i < roundTrips; i++) await one.services.db.query('select 1')
    await revoke()
    return answer
  }
const CONCURRENT = Object.fromEntries([0, 1, 2, 4].map(n => [`at once, revoked ${n} later`, concurrent(n)]))

const orders = await one.services.clients.create({ name: 'Orders API', audience: 'https://orders.example' })
const guard = { issuer, audience: 'https://orders.example' }
const byFeed = createRemote({ ...guard, clientId: orders.client.id, clientSecret: orders.secret as string })
t.teardown(() => byFeed.close())

const accepts = async (guard: Remote, text: string) => {
  try {
    await guard.authenticate(text)
    return true
  } catch (error) {
    if ((error as { status?: unknown }).status === 401) return false
    throw error
  }
}

t.test('a guard follows the feed and has the lists', async t => {
  await byFeed.ready()
  for (const { services } of [one, two]) {
    const { plainText } = await services.tokens.issuePersonal({ user: model, name: 'live', scopes: ['orders:read'] })
    t.ok(await accepts(byFeed, plainText))
  }
})

const texts = new Map<string, string>()

for (const [order, run] of Object.entries({ ...SEQUENTIAL, ...(SERVER && CONCURRENT) })) {
  t.test(order, async t => {
    for (const [revocation, revoke] of Object.entries(REVOCATIONS)) {
      const grants = Object.entries(GRANTS).filter(([grant]) => concerns(grant, revocation))
      const work = grants.map(async ([grant, prepare]) => {
        const scene = await newScene()
        const redeem = await prepare(scene)
        const answer = await run(redeem, () => revoke(scene))
        const { access_token, token = access_token } = answer.statusCode < 300 ? answer.json() : {}
        const name = `${grant}, ${revocation}, ${order}: ${answer.statusCode}`
        if (token) texts.set(name, token)
        if (order === 'before') t.ok(token, `${name} ${answer.body}`)
        else if (order === 'after') t.notOk(token, name)
        else t.ok(answer.statusCode < 500, `${name} ${answer.body}`)
      })
      await Promise.all(work)
    }
  })
}

t.test('what was issued is accepted nowhere', async t => {
  const { services, app } = one
  const [{ last }] = (await services.db.query('select max(sequence)::int as last from oauth_status_events')) as [
    { last: number },
  ]
  t.ok(await eventually(() => (byFeed.position ?? 0) >= last, one), 'the feed is read to its end')
  const byList = createRemote(guard)
  t.teardown(() => byList.close())
  const live = await services.tokens.issuePersonal({ user: model, name: 'live', scopes: ['orders:read'] })
  for (const guard of [byList, byFeed]) t.ok(await accepts(guard, live.plainText), 'a token that nobody revoked is')
  t.comment(`${texts.size} tokens were issued`)
  for (const [name, text] of texts) {
    t.notOk(await accepts(byList, text), `by list: ${name}`)
    t.notOk(await accepts(byFeed, text), `by feed: ${name}`)
    t.equal(await opens(app, text), 401, `by the issuer: ${name}`)
  }
})
